//! Orders signed for their payment, so that the gateway charges what was ordered and the shop delivers what was charged. The same order and
//! try give the same code: a request that is asked again is the same request. Knows no gateway.

use crate::db::orders::Line;
use crate::order::Order;
use florin_merchant::{Item, Order as Signed, OrderCode, OrderKey, digest_of};

/// From when an order was placed. One that nobody paid is given up after a day.
const HOLDS_SECONDS: i64 = 2 * 86_400;

/// What the gateway is told of a signed order.
pub struct Told {
    pub code: String,
    pub items_digest: String,
}

/// Signs an order for its present try. None for what no order can be: then it is not paid.
pub fn sign(key: &OrderKey, order: &Order, lines: &[Line]) -> Option<Told> {
    let item = |line: &Line| -> Option<(String, u64, i64)> {
        let slot = line.slot.map_or(String::new(), |slot| format!("#{slot}"));
        Some((format!("{}{slot}", line.slug), u64::try_from(line.quantity).ok()?, line.unit))
    };
    let owned: Vec<(String, u64, i64)> = lines.iter().map(item).collect::<Option<_>>()?;
    let items: Vec<Item<'_>> = owned
        .iter()
        .map(|(sku, quantity, unit_amount)| Item { sku, name: "", quantity: *quantity, unit_amount: *unit_amount })
        .collect();
    let items = digest_of(&items);
    let signed = Signed { id: &order.id, items, amount: order.total, currency: order.currency.code(), customer: "" };
    let nonce = format!("{}-{:08}", order.id, order.attempt);
    let code: OrderCode = key.sign(&signed, order.placed.checked_add(HOLDS_SECONDS)?, &nonce).ok()?;
    Some(Told { code: code.to_string(), items_digest: items.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use crate::order::Stage;

    #[test]
    fn the_same_try_has_the_same_code() {
        let order = Order {
            id: "0123456789abcdef".into(),
            number: 1001,
            stage: Stage::Placed,
            currency: Currency::Eur,
            total: 1000,
            refunded: 0,
            attempt: 1,
            intent: None,
            received: 0,
            placed: 1_800_000_000,
            changed: 1_800_000_000,
            code: None,
        };
        let key = OrderKey::new("ordkey_1", "ordsec_1").unwrap();
        let line = |slug: &str, quantity, slot| Line { slug: slug.into(), quantity, unit: 500, slot };
        let lines = [line("teapot", 2, None)];
        let code = |order: &Order, lines: &[Line]| sign(&key, order, lines).map(|told| told.code);
        let first = code(&order, &lines).unwrap();
        // Neither what happens to it nor when it is asked again changes it.
        assert_eq!(code(&Order { stage: Stage::Paying, changed: 9, ..order.clone() }, &lines), Some(first.clone()));
        for other in [
            code(&Order { attempt: 2, ..order.clone() }, &lines),
            code(&Order { total: 999, ..order.clone() }, &lines),
            code(&Order { id: "0123456789abcdee".into(), ..order.clone() }, &lines),
            code(&order, &[line("teapot", 3, None)]),
            code(&order, &[line("teapot", 2, Some(7))]),
            code(&order, &[]),
        ] {
            assert_ne!(other, Some(first.clone()));
        }
        assert_eq!(code(&order, &[line("teapot", -1, None)]), None);
    }
}
