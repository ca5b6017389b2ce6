//! What stands in a body: cards come out and a field that stands for them goes in; whatever else looks like card data is refused.
//! Pure. Knows no socket, no key and no account.

use super::form::{self, Pair};
use super::json::{Node, Text};
use super::numbers;
use super::places::{CVC, EXP_MONTH, EXP_YEAR, Holds, NUMBER, Place, nested};
use super::refusal::Refusal;
use crate::core::edge::{CARD_FIELD, CODE_FIELD};
use zeroize::Zeroizing;

/// Percent-encoding upon percent-encoding that is looked through.
const LAYERS: usize = 3;

/// A card, or a security code alone, that stood in a body. Has no Debug; its parts are wiped.
pub struct Found {
    pub place: &'static Place,
    pub number: Option<Text>,
    pub exp_month: Option<Text>,
    pub exp_year: Option<Text>,
    pub cvc: Option<Text>,
}

/// A body without cards. In it `<param>[florin_card]` is the place among the cards, `<param>[florin_code]` that among the codes.
pub struct Clean {
    pub body: Vec<u8>,
    pub cards: Vec<Found>,
    pub codes: Vec<Found>,
    /// The parameter `key`, which browsers send instead of an `Authorization` header.
    pub key: Option<String>,
}

impl Clean {
    fn empty() -> Clean {
        Clean { body: Vec::new(), cards: Vec::new(), codes: Vec::new(), key: None }
    }

    /// Keeps what was found and gives the field that stands for it: its name and its value.
    fn keep(&mut self, found: Found) -> (&'static str, usize) {
        let (list, field) = match found.place.holds {
            Holds::Card => (&mut self.cards, CARD_FIELD),
            Holds::Code => (&mut self.codes, CODE_FIELD),
        };
        list.push(found);
        (field, list.len() - 1)
    }
}

/// The four fields of one place, as they were given.
#[derive(Default)]
struct Fields {
    number: Option<Text>,
    exp_month: Option<Text>,
    exp_year: Option<Text>,
    cvc: Option<Text>,
}

impl Fields {
    /// Where the value of a field belongs; nothing for fields that are no secret, which stay in the body.
    fn slot(&mut self, holds: Holds, field: &[u8]) -> Option<&mut Option<Text>> {
        match (holds, std::str::from_utf8(field).ok()?) {
            (Holds::Card, NUMBER) => Some(&mut self.number),
            (Holds::Card, EXP_MONTH) => Some(&mut self.exp_month),
            (Holds::Card, EXP_YEAR) => Some(&mut self.exp_year),
            (Holds::Card | Holds::Code, CVC) => Some(&mut self.cvc),
            (Holds::Card | Holds::Code, _) => None,
        }
    }

    /// The card in them. Nothing if none is: no number and no code, or the name of a test card, which the gateway knows.
    fn card(self, place: &'static Place) -> Result<Option<Found>, Refusal> {
        let Fields { number, exp_month, exp_year, cvc } = self;
        let param = |field| nested(place.path.iter().copied().chain([field]));
        match (place.holds, &number, &cvc) {
            (Holds::Card, None, None) | (Holds::Code, _, None) => return Ok(None),
            (Holds::Card, None, Some(_)) => return Err(Refusal::Missing(param(NUMBER))),
            (Holds::Card, Some(number), _) if is_name(number) => return Ok(None),
            (Holds::Card, Some(_), _) | (Holds::Code, _, Some(_)) => {}
        }
        Ok(Some(Found { place, number, exp_month, exp_year, cvc }))
    }
}

/// `pm_card_visa`, `tok_visa`: no number.
fn is_name(number: &str) -> bool {
    number.starts_with("pm_") || number.starts_with("tok_")
}

/// Takes the cards out of a form.
pub fn form(body: &[u8], places: &'static [Place]) -> Result<Clean, Refusal> {
    let pairs = form::pairs(body);
    let mut clean = Clean::empty();
    // Per pair: it goes, and what comes in its place.
    let mut gone: Vec<Option<String>> = pairs.iter().map(|_| None).collect();
    for place in places {
        let mut fields = Fields::default();
        let mut at = Vec::new();
        for (n, pair) in pairs.iter().enumerate() {
            let Some(field) = field_of(&pair.parts(), place) else { continue };
            let Some(slot) = fields.slot(place.holds, field) else { continue };
            if slot.replace(text(&pair.value)).is_some() {
                return Err(Refusal::Twice(pair.name()));
            }
            at.push(n);
        }
        let Some(found) = fields.card(place)? else { continue };
        let (field, index) = clean.keep(found);
        for (n, place_in) in at.iter().enumerate() {
            let stands_for = format!("{}[{field}]={index}", place.param());
            if let Some(gone) = gone.get_mut(*place_in) {
                *gone = Some(if n == 0 { stands_for } else { String::new() });
            }
        }
    }
    for (pair, gone) in pairs.iter().zip(gone) {
        let piece = match &gone {
            None => {
                check_pair(pair)?;
                pair.raw
            }
            Some(stands_for) => stands_for.as_bytes(),
        };
        if !piece.is_empty() {
            clean.body.extend(clean.body.first().map(|_| b'&'));
            clean.body.extend_from_slice(piece);
        }
        if pair.key.as_slice() == b"key" {
            clean.key = std::str::from_utf8(&pair.value).ok().map(str::to_owned);
        }
    }
    Ok(clean)
}

/// The last part of a key that names a field of this place.
fn field_of<'a>(parts: &[&'a [u8]], place: &Place) -> Option<&'a [u8]> {
    let (field, path) = parts.split_last()?;
    let same = path.len() == place.path.len() && path.iter().zip(place.path).all(|(a, b)| *a == b.as_bytes());
    same.then_some(field)
}

fn text(bytes: &[u8]) -> Text {
    Zeroizing::new(String::from_utf8_lossy(bytes).into_owned())
}

/// Takes the cards out of a JSON body.
pub fn json(body: &[u8], places: &'static [Place]) -> Result<Clean, Refusal> {
    let mut root = Node::parse(body).map_err(|_| Refusal::Json)?;
    let mut clean = Clean::empty();
    let mut swapped = Vec::new();
    for place in places {
        let object = place.path.iter().try_fold(&mut root, |node, part| node.field_mut(part));
        let Some(Node::Object(entries)) = object else { continue };
        let mut fields = Fields::default();
        for (name, node) in entries.iter() {
            let Some(slot) = fields.slot(place.holds, name.as_bytes()) else { continue };
            let param = || nested(place.path.iter().copied().chain([name.as_str()]));
            *slot = Some(node.scalar().ok_or_else(|| Refusal::NotText(param()))?);
        }
        let Some(found) = fields.card(place)? else { continue };
        let (field, index) = clean.keep(found);
        entries.retain(|(name, _)| Fields::default().slot(place.holds, name.as_bytes()).is_none());
        // Before the rest is checked for this very name.
        check_names(entries.iter().map(|(name, _)| name.as_bytes()), place)?;
        entries.push((Zeroizing::new(field.to_owned()), Node::Number(index.into())));
        swapped.push(place);
    }
    check_node(&root, &mut Vec::new(), &swapped)?;
    if let Some(Node::Text(key)) = root.field_mut("key") {
        clean.key = Some(key.as_str().to_owned());
    }
    clean.body = if swapped.is_empty() { body.to_vec() } else { root.write() };
    Ok(clean)
}

fn check_names<'a>(mut names: impl Iterator<Item = &'a [u8]>, place: &Place) -> Result<(), Refusal> {
    match names.find(|name| is_ours(name)) {
        Some(name) => Err(Refusal::Unknown(nested(place.path.iter().copied().chain(std::str::from_utf8(name).ok())))),
        None => Ok(()),
    }
}

/// The fields that stand for cards are made here and come from nowhere else.
fn is_ours(part: &[u8]) -> bool {
    part == CARD_FIELD.as_bytes() || part == CODE_FIELD.as_bytes()
}

fn check_pair(pair: &Pair<'_>) -> Result<(), Refusal> {
    let parts = pair.parts();
    if has_card(&pair.key, numbers::has_card) {
        return Err(Refusal::CardNumber(None));
    }
    if parts.iter().any(|part| is_ours(part)) || parts.last() == Some(&CVC.as_bytes()) {
        return Err(Refusal::Unknown(pair.name()));
    }
    check_value(&pair.value, parts.last().copied().unwrap_or_default(), || pair.name())
}

fn check_value(value: &[u8], field: &[u8], name: impl Fn() -> String) -> Result<(), Refusal> {
    let phone = field.ends_with(b"phone");
    let found = has_card(value, if phone { numbers::phone_has_card } else { numbers::has_card });
    if found { Err(Refusal::CardNumber(Some(name()))) } else { Ok(()) }
}

/// A card number in the text, or in what it becomes when it is decoded again.
pub fn has_card(text: &[u8], look: fn(&[u8]) -> bool) -> bool {
    if look(text) {
        return true;
    }
    let mut text = Zeroizing::new(text.to_vec());
    for _ in 0..LAYERS {
        if !text.contains(&b'%') {
            return false;
        }
        text = form::decode(&text, true);
        if look(&text) {
            return true;
        }
    }
    false
}

/// Checks everything below a node. `path` is where it stands, `swapped` where a field that stands for a card was put just now.
fn check_node(node: &Node, path: &mut Vec<String>, swapped: &[&Place]) -> Result<(), Refusal> {
    match node {
        Node::Null | Node::Bool(_) => Ok(()),
        Node::Text(_) | Node::Number(_) => {
            let scalar = node.scalar().unwrap_or_default();
            let name = || nested(path.iter().map(String::as_str));
            check_value(scalar.as_bytes(), path.last().map(String::as_bytes).unwrap_or_default(), name)
        }
        Node::List(nodes) => {
            for (n, node) in nodes.iter().enumerate() {
                path.push(n.to_string());
                check_node(node, path, swapped)?;
                path.pop();
            }
            Ok(())
        }
        Node::Object(entries) => {
            for (name, node) in entries {
                if has_card(name.as_bytes(), numbers::has_card) {
                    return Err(Refusal::CardNumber(None));
                }
                path.push(name.as_str().to_owned());
                let foreign = is_ours(name.as_bytes()) && !swapped.iter().any(|place| stands_at(place, path));
                if foreign || name.as_str() == CVC {
                    return Err(Refusal::Unknown(nested(path.iter().map(String::as_str))));
                }
                check_node(node, path, swapped)?;
                path.pop();
            }
            Ok(())
        }
    }
}

fn stands_at(place: &Place, path: &[String]) -> bool {
    path.len() == place.path.len() + 1 && path.iter().zip(place.path).all(|(a, b)| a == b)
}

/// Card fields in a query, whatever is in them: an address is kept in too many places.
pub fn check_query(query: &[u8]) -> Result<Option<String>, Refusal> {
    let mut key = None;
    for pair in form::pairs(query) {
        let parts = pair.parts();
        if let [.., b"card" | b"source", b"number" | b"cvc"] = parts.as_slice() {
            return Err(Refusal::CardNumber(Some(pair.name())));
        }
        check_pair(&pair)?;
        if pair.key.as_slice() == b"key" {
            key = std::str::from_utf8(&pair.value).ok().map(str::to_owned);
        }
    }
    Ok(key)
}
