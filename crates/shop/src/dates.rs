//! Days and times in the three languages, as people write them. All are UTC, and say so. Knows no page.

use crate::words::Lang;
use time::{OffsetDateTime, Weekday};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn weekday(lang: Lang, day: Weekday) -> &'static str {
    let [en, ko, zh] = match day {
        Weekday::Monday => ["Mon", "월", "周一"],
        Weekday::Tuesday => ["Tue", "화", "周二"],
        Weekday::Wednesday => ["Wed", "수", "周三"],
        Weekday::Thursday => ["Thu", "목", "周四"],
        Weekday::Friday => ["Fri", "금", "周五"],
        Weekday::Saturday => ["Sat", "토", "周六"],
        Weekday::Sunday => ["Sun", "일", "周日"],
    };
    match lang {
        Lang::En => en,
        Lang::Ko => ko,
        Lang::Zh => zh,
    }
}

/// Seconds since 1970; nothing for what is no time.
fn read(seconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

/// When something happened: `22 Nov 2026, 08:05 UTC`.
pub fn time(lang: Lang, seconds: i64) -> String {
    let Some(at) = read(seconds) else { return String::new() };
    let (year, month, day, clock) = (at.year(), u8::from(at.month()), at.day(), hour(seconds));
    match lang {
        Lang::En => format!("{day} {} {year}, {clock} UTC", month_en(month)),
        Lang::Ko => format!("{year}년 {month}월 {day}일 {clock} UTC"),
        Lang::Zh => format!("{year}年{month}月{day}日 {clock} UTC"),
    }
}

/// When something will be, with the day of the week: `Sun 22 Nov 2026, 08:05 UTC`.
pub fn appointment(lang: Lang, seconds: i64) -> String {
    let Some(at) = read(seconds) else { return String::new() };
    let (year, month, day, clock) = (at.year(), u8::from(at.month()), at.day(), hour(seconds));
    let name = weekday(lang, at.weekday());
    match lang {
        Lang::En => format!("{name} {day} {} {year}, {clock} UTC", month_en(month)),
        Lang::Ko => format!("{year}년 {month}월 {day}일 ({name}) {clock} UTC"),
        Lang::Zh => format!("{year}年{month}月{day}日 {name} {clock} UTC"),
    }
}

/// A day to come: `Sun 22 Nov`.
pub fn day(lang: Lang, seconds: i64) -> String {
    let Some(at) = read(seconds) else { return String::new() };
    let (month, day, name) = (u8::from(at.month()), at.day(), weekday(lang, at.weekday()));
    match lang {
        Lang::En => format!("{name} {day} {}", month_en(month)),
        Lang::Ko => format!("{month}월 {day}일 ({name})"),
        Lang::Zh => format!("{month}月{day}日 {name}"),
    }
}

/// `08:05`
pub fn hour(seconds: i64) -> String {
    read(seconds).map(|at| format!("{:02}:{:02}", at.hour(), at.minute())).unwrap_or_default()
}

fn month_en(month: u8) -> &'static str {
    MONTHS.get(usize::from(month).wrapping_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times() {
        #[track_caller]
        fn check(lang: Lang, seconds: i64, expected: [&str; 3]) {
            assert_eq!([time(lang, seconds), appointment(lang, seconds), day(lang, seconds)], expected);
        }
        const AT: i64 = 1_795_334_700;
        check(Lang::En, AT, ["22 Nov 2026, 08:05 UTC", "Sun 22 Nov 2026, 08:05 UTC", "Sun 22 Nov"]);
        check(Lang::Ko, AT, ["2026년 11월 22일 08:05 UTC", "2026년 11월 22일 (일) 08:05 UTC", "11월 22일 (일)"]);
        check(Lang::Zh, AT, ["2026年11月22日 08:05 UTC", "2026年11月22日 周日 08:05 UTC", "11月22日 周日"]);
        check(Lang::En, 0, ["1 Jan 1970, 00:00 UTC", "Thu 1 Jan 1970, 00:00 UTC", "Thu 1 Jan"]);
        check(Lang::En, i64::MAX, ["", "", ""]);
        assert_eq!((hour(AT), hour(i64::MAX)), ("08:05".to_owned(), String::new()));
    }
}
