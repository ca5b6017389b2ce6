//! The parameters of a new price. Strings become types here.

use crate::ask::Ask;
use crate::error::ApiError;
use crate::params::{LONGEST_TEXT, Params};
use florin_core::catalog::{Custom, Interval, Price, Recurring, TaxBehavior};
use florin_core::id::Key;
use florin_core::money::{LARGEST, Money};

/// Decimals behind a minor unit.
const FINEST_PLACES: usize = 12;
const LONGEST_TRIAL_DAYS: i64 = 730;
const LARGEST_DIVISOR: i64 = 1_000_000;

/// A new price of a product.
pub fn read(ask: &Ask<'_>, params: &Params, product: Key) -> Result<Price, ApiError> {
    let currency = params.currency("currency")?.ok_or_else(|| params.missing("currency"))?;
    params.choice("billing_scheme", &[("per_unit", ()), ("tiered", ())])?;
    if params.raw("billing_scheme")?.as_deref() == Some("tiered") {
        return Err(refused(params, "billing_scheme"));
    }
    not_offered(params, &["tiers", "tiers_mode", "currency_options"])?;
    let (minor, decimal, custom) = amount(params)?;
    let mut price = Price {
        live: ask.caller.live,
        active: params.boolean("active")?.unwrap_or(true),
        product,
        money: Money::new(minor, currency),
        decimal,
        custom,
        recurring: recurring(params)?,
        tax_behavior: tax_behavior(params)?.unwrap_or(TaxBehavior::Unspecified),
        divide: divide(params)?,
        nickname: params.patch("nickname", LONGEST_TEXT)?.value(),
        lookup_key: params.patch("lookup_key", 200)?.value(),
        metadata: vec![],
    };
    params.metadata(&mut price.metadata)?;
    params.boolean("transfer_lookup_key")?;
    Ok(price)
}

fn refused(params: &Params, name: &str) -> ApiError {
    let message = format!("{} is not offered. Leave it out.", params.name(name));
    params.bad(name, message).code("parameter_not_offered")
}

/// Refuses by name what Stripe has and Florin does not.
pub fn not_offered(params: &Params, names: &[&'static str]) -> Result<(), ApiError> {
    match names.iter().find(|name| params.has(name) && !params.is_unset(name)) {
        Some(name) => Err(refused(params, name)),
        None => Ok(()),
    }
}

pub fn tax_behavior(params: &Params) -> Result<Option<TaxBehavior>, ApiError> {
    let words: Vec<(&str, TaxBehavior)> = TaxBehavior::ALL.iter().map(|b| (b.as_str(), *b)).collect();
    params.choice("tax_behavior", &words)
}

/// Whole minor units, the amount as a decimal when it is finer, and what the buyer may name instead.
fn amount(params: &Params) -> Result<(i64, Option<String>, Option<Custom>), ApiError> {
    let whole = params.integer_within("unit_amount", 0, LARGEST)?;
    let decimal = params.decimal("unit_amount_decimal", FINEST_PLACES)?;
    let custom = custom(params)?;
    match (whole, decimal, custom) {
        (Some(minor), None, None) => Ok((minor, None, None)),
        (None, None, Some(custom)) => Ok((0, None, Some(custom))),
        (None, Some(text), None) => {
            let minor = text.split('.').next().and_then(|t| t.parse().ok()).filter(|n| (0..=LARGEST).contains(n));
            let minor = minor.ok_or_else(|| params.bad("unit_amount_decimal", format!("At most {LARGEST}.")))?;
            Ok((minor, Some(text).filter(|t| t.contains('.')), None))
        }
        (None, None, None) => Err(params.missing("unit_amount")),
        _ => {
            let message =
                "You may only specify one of these parameters: unit_amount, unit_amount_decimal, custom_unit_amount.";
            Err(params.bad("unit_amount", message))
        }
    }
}

fn custom(params: &Params) -> Result<Option<Custom>, ApiError> {
    let Some(inner) = params.object("custom_unit_amount")? else { return Ok(None) };
    let enabled = inner.boolean("enabled")?.ok_or_else(|| inner.missing("enabled"))?;
    let amount = |name| inner.integer_within(name, 0, LARGEST);
    let custom = Custom { minimum: amount("minimum")?, maximum: amount("maximum")?, preset: amount("preset")? };
    inner.done()?;
    if custom.minimum.zip(custom.maximum).is_some_and(|(least, most)| least > most) {
        return Err(inner.bad("maximum", "The maximum must not be below the minimum."));
    }
    Ok(enabled.then_some(custom))
}

fn recurring(params: &Params) -> Result<Option<Recurring>, ApiError> {
    let Some(inner) = params.object("recurring")? else { return Ok(None) };
    let words = Interval::ALL.map(|i| (i.as_str(), i));
    let interval = inner.choice("interval", &words)?.ok_or_else(|| inner.missing("interval"))?;
    // Three years at most.
    let most = match interval {
        Interval::Day => 1_095,
        Interval::Week => 156,
        Interval::Month => 36,
        Interval::Year => 3,
    };
    let count = inner.integer_within("interval_count", 1, most)?.unwrap_or(1);
    let trial = inner.integer_within("trial_period_days", 1, LONGEST_TRIAL_DAYS)?;
    inner.choice("usage_type", &[("licensed", ()), ("metered", ())])?;
    if inner.raw("usage_type")?.as_deref() == Some("metered") {
        return Err(refused(&inner, "usage_type"));
    }
    not_offered(&inner, &["meter"])?;
    inner.done()?;
    let trial_days = trial.and_then(|n| u16::try_from(n).ok());
    Ok(Some(Recurring { interval, count: u16::try_from(count).unwrap_or(1), trial_days }))
}

fn divide(params: &Params) -> Result<Option<(u32, bool)>, ApiError> {
    let Some(inner) = params.object("transform_quantity")? else { return Ok(None) };
    let by = inner.integer_within("divide_by", 1, LARGEST_DIVISOR)?.ok_or_else(|| inner.missing("divide_by"))?;
    let up = inner.choice("round", &[("up", true), ("down", false)])?.ok_or_else(|| inner.missing("round"))?;
    inner.done()?;
    Ok(Some((u32::try_from(by).unwrap_or(1), up)))
}
