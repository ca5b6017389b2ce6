//! Which answer belongs to which request: by keys, never by the order of arrival. Knows no amounts.

use super::message::Message;
use super::mti::Class;

/// What a request and its answer have in common. Only lives in memory; small enough to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MatchKey {
    pub class: Class,
    /// DE 11.
    pub stan: [u8; 6],
    /// DE 7.
    pub de7: [u8; 10],
    /// DE 32, filled up with zeros on the left; all zeros when absent.
    pub acquirer: [u8; 11],
    /// DE 41, filled up with spaces on the right; all spaces when absent.
    pub terminal: [u8; 8],
}

impl MatchKey {
    /// The key of a request or of an answer. Nothing if DE 11 or DE 7 is missing, or DE 32 or DE 41 in a message that is not
    /// network management.
    pub fn of(message: &Message) -> Option<MatchKey> {
        let class = message.mti.class();
        let stan = message.get(11)?.as_bytes().try_into().ok()?;
        let de7 = message.get(7)?.as_bytes().try_into().ok()?;
        let optional = class == Class::Network;
        let acquirer = filled(message.get(32), optional, b'0', Side::Left)?;
        let terminal = filled(message.get(41), optional, b' ', Side::Right)?;
        Some(MatchKey { class, stan, de7, acquirer, terminal })
    }
}

enum Side {
    Left,
    Right,
}

fn filled<const N: usize>(value: Option<&str>, optional: bool, filling: u8, side: Side) -> Option<[u8; N]> {
    let mut out = [filling; N];
    let value = match value {
        Some(value) => value.as_bytes(),
        None if optional => return Some(out),
        None => return None,
    };
    let place = match side {
        Side::Left => N.checked_sub(value.len())?..N,
        Side::Right => 0..value.len(),
    };
    out.get_mut(place)?.copy_from_slice(value);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::mti::Mti;
    use super::*;

    fn message(mti: &str, fields: &[(u8, &str)]) -> Message {
        let mut m = Message::new(Mti::parse(mti).unwrap());
        for (de, value) in fields {
            m.set(*de, value);
        }
        m
    }

    #[test]
    fn answers_match_their_requests_only() {
        let request = [(7, "1121221500"), (11, "000123"), (32, "400001"), (41, "FL000001")];
        let key = MatchKey::of(&message("0200", &request));
        assert!(key.is_some());
        let check = |mti: &str, fields: &[(u8, &str)], same: bool| {
            assert_eq!(MatchKey::of(&message(mti, fields)) == key, same, "{mti}");
        };
        check("0210", &request, true);
        check("0211", &request, true);
        check("0110", &request, false);
        check("0410", &request, false);
        check("0210", &[(7, "1121221500"), (11, "000124"), (32, "400001"), (41, "FL000001")], false);
        check("0210", &[(7, "1121221501"), (11, "000123"), (32, "400001"), (41, "FL000001")], false);
        check("0210", &[(7, "1121221500"), (11, "000123"), (32, "400002"), (41, "FL000001")], false);
        check("0210", &[(7, "1121221500"), (11, "000123"), (32, "400001"), (41, "FL000002")], false);
        check("0210", &[(7, "1121221500"), (11, "000123"), (32, "00000400001"), (41, "FL000001")], true);
    }

    #[test]
    fn keys_need_their_parts() {
        let key = |mti: &str, fields: &[(u8, &str)]| MatchKey::of(&message(mti, fields));
        assert_eq!(key("0210", &[(7, "1121221500"), (11, "000123"), (32, "400001")]), None);
        assert_eq!(key("0210", &[(7, "1121221500"), (11, "000123"), (41, "FL000001")]), None);
        assert_eq!(key("0210", &[(11, "000123"), (32, "400001"), (41, "FL000001")]), None);
        assert_eq!(key("0210", &[(7, "11"), (11, "000123"), (32, "400001"), (41, "FL000001")]), None);
        assert_eq!(key("0210", &[(7, "1121221500"), (11, "000123"), (32, "400001"), (41, "FL0000012")]), None);
        assert_eq!(key("0210", &[(7, "1121221500"), (11, "000123"), (32, "123456789012"), (41, "FL000001")]), None);
        assert!(key("0800", &[(7, "1121221500"), (11, "000123")]).is_some());
        assert_eq!(
            key("0800", &[(7, "1121221500"), (11, "000123")]),
            key("0810", &[(7, "1121221500"), (11, "000123")])
        );
    }
}
