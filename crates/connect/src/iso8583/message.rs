//! A message as a list of data elements. It may hold a card number: it cannot be printed, copied or serialized, and wipes itself.

use super::MAX_FIELD;
use super::mti::Mti;
use zeroize::Zeroizing;

/// One message: its type and its data elements in ascending order. Values are text as it stands on the wire; binary elements are
/// hexadecimal.
pub struct Message {
    pub mti: Mti,
    fields: Vec<(u8, Zeroizing<String>)>,
}

/// Room for the elements of a usual request without growing.
const USUAL_FIELDS: usize = 24;

impl Message {
    pub fn new(mti: Mti) -> Message {
        Message { mti, fields: Vec::with_capacity(USUAL_FIELDS) }
    }

    /// The value of data element `de`.
    pub fn get(&self, de: u8) -> Option<&str> {
        let at = self.place(de).ok()?;
        self.fields.get(at).map(|(_, value)| value.as_str())
    }

    pub fn has(&self, de: u8) -> bool {
        self.place(de).is_ok()
    }

    /// Sets data element `de`; a value that stood there is wiped. Whether the value fits the element shows in `Dialect::encode`.
    pub fn set(&mut self, de: u8, value: &str) -> &mut Message {
        self.put(de, Zeroizing::new(value.to_string()));
        self
    }

    pub(super) fn put(&mut self, de: u8, value: Zeroizing<String>) {
        match self.place(de) {
            Ok(at) => {
                if let Some(slot) = self.fields.get_mut(at) {
                    slot.1 = value;
                }
            }
            Err(at) => self.fields.insert(at, (de, value)),
        }
    }

    /// Takes data element `de` out and wipes it. True if it was there.
    pub fn remove(&mut self, de: u8) -> bool {
        match self.place(de) {
            Ok(at) => {
                self.fields.remove(at);
                true
            }
            Err(_) => false,
        }
    }

    /// The data elements in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &str)> {
        self.fields.iter().map(|(de, value)| (*de, value.as_str()))
    }

    /// A second message with the same content, for hosts that keep what they answered. Named, so that copies can be found.
    pub fn duplicate(&self) -> Message {
        Message { mti: self.mti, fields: self.fields.clone() }
    }

    /// True when both have the same type and the same elements.
    pub fn same_as(&self, other: &Message) -> bool {
        self.mti == other.mti && self.fields == other.fields
    }

    pub(super) fn needs_second_bitmap(&self) -> bool {
        self.fields.last().is_some_and(|(de, _)| *de > MAX_FIELD / 2)
    }

    fn place(&self, de: u8) -> Result<usize, usize> {
        self.fields.binary_search_by_key(&de, |(n, _)| *n)
    }
}
