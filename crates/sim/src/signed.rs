//! Merchants who sign their orders: codes over what is to be paid, a price that changes without one, and a code that is given twice.
//! Knows gateways only as clients do.

use crate::client::Merchant;
use florin_core::money::Money;
use florin_merchant::{Item, Order, digest_of};

/// Longer than clocks jump in a storm, and not so long that a code is refused for it.
const HOLDS_SECONDS: i64 = 10 * 86_400;

impl Merchant {
    /// Signs an order over this money for a customer, or for nobody, and says so in parameters. Each code has a nonce of its own.
    pub fn sign(&self, money: Money, customer: &str) -> Option<String> {
        let world = &mut *self.sim.lock();
        world.next_request += 1;
        let nonce = format!("nonce-{:08}", world.next_request);
        let key = world.order_keys.get(&self.account)?;
        let items = digest_of(&[Item { sku: "book", name: "A book", quantity: 1, unit_amount: money.minor }]);
        let (amount, currency) = (money.minor, money.currency.code());
        let order = Order { id: &nonce, items, amount, currency, customer };
        let code = key.sign(&order, world.wall().seconds() + HOLDS_SECONDS, &nonce).ok()?;
        Some(format!("&order_code={code}&order[id]={nonce}&order[items_digest]={items}"))
    }
}
