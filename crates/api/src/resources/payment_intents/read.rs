//! `GET /v1/payment_intents/{}`, the list and the search.

use super::shape;
use crate::ask::{Answer, Ask};
use crate::error::{ApiError, ErrorType};
use crate::params::Params;
use crate::search::{self, Subject};
use crate::{gate, list};
use florin_core::commit::Row;
use florin_core::flow;
use florin_core::id::{Key, Kind};
use florin_core::payment::PaymentView;

pub async fn find(ask: &Ask<'_>, id: &str) -> Result<PaymentView, ApiError> {
    let missing = || ApiError::missing("payment_intent", id, "intent");
    let key = ask.look().key(Kind::Payment, id).ok_or_else(missing)?;
    flow::load(ask.store(), ask.account(), Kind::Payment, key).await.map_err(ask.missing(Kind::Payment, id, "intent"))
}

/// With a publishable key only the holder of the client secret gets on.
pub fn of_client(ask: &Ask<'_>, params: &Params, kind: Kind, key: Key) -> Result<(), ApiError> {
    let given = params.text("client_secret", 255)?;
    let expected = ask.look().client_secret(kind, key);
    match given {
        Some(given) if same(given.as_bytes(), expected.as_bytes()) => Ok(()),
        Some(_) => {
            let message = "The client_secret provided does not match any associated with this object.";
            Err(ApiError::invalid(message).code("resource_missing").param("client_secret"))
        }
        None if ask.is_secret() => Ok(()),
        None => Err(ApiError { status: 401, kind: ErrorType::InvalidRequest, ..gate::secret_needed() }),
    }
}

/// In a time that does not tell how much was right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (x, y)| differs | (x ^ y)) == 0
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id()).await?;
    of_client(ask, params, Kind::Payment, view.key)?;
    params.done()?;
    Ok(Answer::ok(shape(ask.look(), &view)))
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Payment)?;
    let customer = params.text("customer", 255)?;
    super::no_other_account(params, &["customer_account"])?;
    params.done()?;
    let under = match &customer {
        None => Some(ask.account()),
        Some(id) => ask.look().key(Kind::Customer, id),
    };
    let Some(under) = under else {
        return Err(ApiError::missing_value("customer", customer.as_deref().unwrap_or(""), "customer"));
    };
    let filter = |row: &Row| {
        let view: PaymentView = flow::read(row)?;
        let fits = customer.is_none() || view.body.customer == Some(under);
        Ok(fits.then(|| shape(ask.look(), &view)))
    };
    let found = list::rows(ask, page, (under, Kind::Payment), &filter).await?;
    Ok(list::answer("/v1/payment_intents", found))
}

pub async fn search(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    search::rows(ask, params, Subject::Payment, &|row| {
        let view: PaymentView = flow::read(row)?;
        Ok(Some(shape(ask.look(), &view)))
    })
    .await
}
