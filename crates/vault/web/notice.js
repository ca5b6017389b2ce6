// @ts-check
// Says in the console what the page says, and tells the page above that no form comes. Nothing is typed here.

const message = document.getElementById('problem')?.textContent ?? '';
console.error(`Florin: ${message}`);
addEventListener('message', (event) => {
  if (event.source !== parent || event.data?.florin !== 'init' || !event.ports[0]) return;
  event.ports[0].postMessage({ event: 'loaderror', data: { message } });
});
