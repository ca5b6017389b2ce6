// Looks again when the shop says that the order changed.

const order = document.getElementById('order');
if (order) {
  const news = new EventSource(order.dataset.news);
  // No place to listen: look again after a while.
  news.addEventListener('error', () => news.readyState === EventSource.CLOSED && setTimeout(() => location.reload(), 15000));
  news.addEventListener('changed', () => {
    news.close();
    const url = new URL(location.href);
    url.searchParams.delete('said');
    location.replace(url);
  });
}
addEventListener('pageshow', (event) => event.persisted && location.reload());
