//! Who is connected: limits for all and for each address. When they are reached, the oldest connection without a request makes room, so
//! that idle and slow clients never keep a working one out. Knows no socket.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

struct Sitting {
    address: IpAddr,
    /// A request is being answered: not to be interrupted.
    busy: bool,
    leave: Arc<Notify>,
}

#[derive(Default)]
struct Table {
    /// By age.
    seats: BTreeMap<u64, Sitting>,
    per_address: HashMap<IpAddr, usize>,
    last: u64,
}

pub struct Seats {
    table: Mutex<Table>,
    connections_limit: usize,
    per_address_limit: usize,
}

/// One connection's place. Given back when dropped.
pub struct Seat {
    seats: Arc<Seats>,
    number: u64,
    leave: Arc<Notify>,
}

impl Seats {
    pub fn new(connections_limit: usize, per_address_limit: usize) -> Arc<Seats> {
        Arc::new(Seats { table: Mutex::default(), connections_limit, per_address_limit })
    }

    /// A seat for a new connection; nothing if every other one is busy.
    pub fn take(self: &Arc<Seats>, address: IpAddr) -> Option<Seat> {
        let address = counted_as(address);
        let mut table = self.lock();
        if table.per_address.get(&address).copied().unwrap_or(0) >= self.per_address_limit {
            table.make_room(|sitting| sitting.address == address)?;
        }
        if table.seats.len() >= self.connections_limit {
            table.make_room(|_| true)?;
        }
        table.last += 1;
        let (number, leave) = (table.last, Arc::new(Notify::new()));
        table.seats.insert(number, Sitting { address, busy: false, leave: Arc::clone(&leave) });
        *table.per_address.entry(address).or_default() += 1;
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
        let sitting = self.seats.remove(&number)?;
        if let Some(count) = self.per_address.get_mut(&sitting.address) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&sitting.address);
            }
        }
        Some(sitting)
    }
}

impl Seat {
    /// Completes when the connection has to make room.
    pub async fn must_leave(&self) {
        self.leave.notified().await;
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

    #[test]
    fn the_oldest_without_a_request_makes_room() {
        let seats = Seats::new(3, 2);
        let first = seats.take(from(1)).unwrap();
        let second = seats.take(from(1)).unwrap();
        assert!(first.set_busy(true));
        let third = seats.take(from(1)).unwrap();
        assert!(!second.set_busy(true), "it lost its seat");
        assert!(first.set_busy(true) && third.set_busy(true));
        assert!(seats.take(from(1)).is_none(), "both are busy");
        let other = seats.take(from(2)).unwrap();
        let another = seats.take(from(3)).unwrap();
        assert!(!other.set_busy(true), "all seats were taken");
        assert!(another.set_busy(true) && seats.take(from(4)).is_none());
        drop(first);
        assert!(seats.take(from(4)).is_some());
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
