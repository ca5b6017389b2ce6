// Looks again when the shop says that the order changed.

const order = document.getElementById('order');
if (order) {
  const news = new EventSource(order.dataset.news);
  news.addEventListener('changed', () => {
    news.close();
    const url = new URL(location.href);
    url.searchParams.delete('said');
    location.replace(url);
  });
}
addEventListener('pageshow', (event) => event.persisted && location.reload());
