//! Which of the two claim tables a day uses, and when a table is emptied. Arithmetic alone: it knows no table.

/// 0 or 1, by the parity of the day number.
pub fn table_of(day: i64) -> usize {
    usize::from(day.rem_euclid(2) == 1)
}

/// True of a table whose newest claim is two days or more older than a claim of `day`: it is emptied whole before that
/// claim is taken. A clock that went back empties nothing.
pub fn is_stale(used: Option<i64>, day: i64) -> bool {
    used.is_some_and(|used| used < day.saturating_sub(1))
}
