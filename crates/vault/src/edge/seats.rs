//! Who is connected: limits for all and for each address. When they are reached, the oldest connection without a request makes room, so
//! that idle and slow clients never keep a working one out. Knows no socket.

use super::settings::Limits;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

struct Sitting {
    address: IpAddr,
    /// A request is being answered: not to be interrupted.
    busy: bool,
    /// Its TLS handshake, the dearest thing that a stranger can ask for, is not done.
    shaking: bool,
    leave: Arc<Notify>,
}

#[derive(Default)]
struct Table {
    /// By age.
    seats: BTreeMap<u64, Sitting>,
    per_address: HashMap<IpAddr, Counts>,
    shaking: usize,
    last: u64,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    connections: usize,
    shaking: usize,
}

pub struct Seats {
    table: Mutex<Table>,
    limits: Limits,
}

/// One connection's place. Given back when dropped.
pub struct Seat {
    seats: Arc<Seats>,
    number: u64,
    leave: Arc<Notify>,
}

impl Seats {
    pub fn new(limits: &Limits) -> Arc<Seats> {
        Arc::new(Seats { table: Mutex::default(), limits: *limits })
    }

    /// A seat for a new connection; nothing if every other one is busy. When too many handshakes are under way the oldest of them makes
    /// room.
    pub fn take(self: &Arc<Seats>, address: IpAddr, shaking: bool) -> Option<Seat> {
        let address = counted_as(address);
        let mut table = self.lock();
        let there = table.per_address.get(&address).copied().unwrap_or_default();
        if shaking && there.shaking >= self.limits.handshakes_per_address {
            table.make_room(|sitting| sitting.shaking && sitting.address == address)?;
        } else if there.connections >= self.limits.connections_per_address {
            table.make_room(|sitting| sitting.address == address)?;
        }
        if shaking && table.shaking >= self.limits.handshakes {
            table.make_room(|sitting| sitting.shaking)?;
        }
        if table.seats.len() >= self.limits.connections {
            table.make_room(|_| true)?;
        }
        table.last += 1;
        let (number, leave) = (table.last, Arc::new(Notify::new()));
        table.seats.insert(number, Sitting { address, busy: false, shaking, leave: Arc::clone(&leave) });
        let counts = table.per_address.entry(address).or_default();
        counts.connections += 1;
        counts.shaking += usize::from(shaking);
        table.shaking += usize::from(shaking);
        Some(Seat { seats: Arc::clone(self), number, leave })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Asks the oldest of them that has no request to leave.
    fn make_room(&mut self, whom: impl Fn(&Sitting) -> bool) -> Option<()> {
        let number = *self.seats.iter().find(|(_, sitting)| !sitting.busy && whom(sitting))?.0;
        self.remove(number)?.leave.notify_one();
        Some(())
    }

    fn remove(&mut self, number: u64) -> Option<Sitting> {
        self.shaken(number);
        let sitting = self.seats.remove(&number)?;
        if let Some(counts) = self.per_address.get_mut(&sitting.address) {
            counts.connections -= 1;
            if counts.connections == 0 {
                self.per_address.remove(&sitting.address);
            }
        }
        Some(sitting)
    }

    /// The handshake is done, or will never be.
    fn shaken(&mut self, number: u64) {
        let Some(sitting) = self.seats.get_mut(&number).filter(|sitting| sitting.shaking) else { return };
        sitting.shaking = false;
        self.shaking -= 1;
        if let Some(counts) = self.per_address.get_mut(&sitting.address) {
            counts.shaking -= 1;
        }
    }
}

impl Seat {
    /// Completes when the connection has to make room.
    pub async fn must_leave(&self) {
        self.leave.notified().await;
    }

    /// The handshake is done.
    pub fn has_shaken(&self) {
        self.seats.lock().shaken(self.number);
    }

    /// Says whether a request is being answered. False if the seat was taken away before.
    pub fn set_busy(&self, busy: bool) -> bool {
        self.seats.lock().seats.get_mut(&self.number).map(|sitting| sitting.busy = busy).is_some()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().remove(self.number);
    }
}

/// A network gives one customer a whole /64 of IPv6.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    fn seats(connections: usize, connections_per_address: usize, handshakes: usize) -> Arc<Seats> {
        let limits = Limits { connections, connections_per_address, ..Limits::default() };
        Seats::new(&Limits { handshakes: handshakes + 1, handshakes_per_address: handshakes, ..limits })
    }

    #[test]
    fn handshakes_are_limited_apart() {
        let seats = seats(10, 10, 2);
        let first = seats.take(from(1), true).unwrap();
        let second = seats.take(from(1), true).unwrap();
        second.has_shaken();
        let third = seats.take(from(1), true).unwrap();
        assert!(first.set_busy(false), "two are under way");
        let fourth = seats.take(from(1), true).unwrap();
        assert!(!first.set_busy(false) && second.set_busy(false), "the oldest handshake had to go");
        let other = seats.take(from(2), true).unwrap();
        let another = seats.take(from(3), true).unwrap();
        assert!(!third.set_busy(false), "three of all addresses");
        assert!(seats.take(from(1), false).is_some(), "plain connections shake no hands");
        drop((first, second, third, fourth, other, another));
        let table = seats.lock();
        assert!(table.seats.is_empty() && table.per_address.is_empty() && table.shaking == 0);
    }

    #[test]
    fn the_oldest_without_a_request_makes_room() {
        let seats = seats(3, 2, 9);
        let first = seats.take(from(1), false).unwrap();
        let second = seats.take(from(1), false).unwrap();
        assert!(first.set_busy(true));
        let third = seats.take(from(1), false).unwrap();
        assert!(!second.set_busy(true), "it lost its seat");
        assert!(first.set_busy(true) && third.set_busy(true));
        assert!(seats.take(from(1), false).is_none(), "both are busy");
        let other = seats.take(from(2), false).unwrap();
        let another = seats.take(from(3), false).unwrap();
        assert!(!other.set_busy(true), "all seats were taken");
        assert!(another.set_busy(true) && seats.take(from(4), false).is_none());
        drop(first);
        assert!(seats.take(from(4), false).is_some());
        drop((second, third, other, another));
        assert!(seats.lock().seats.is_empty() && seats.lock().per_address.is_empty());
    }

    #[test]
    fn addresses_count_as_their_customer() {
        let check = |address: &str, expected: &str| {
            let [address, expected] = [address, expected].map(|text| text.parse::<IpAddr>().unwrap());
            assert_eq!(counted_as(address), expected);
        };
        check("192.0.2.1", "192.0.2.1");
        check("::ffff:192.0.2.1", "192.0.2.1");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
    }
}
