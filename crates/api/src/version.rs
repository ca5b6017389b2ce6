//! API versions: dates with a release name, as `Stripe-Version` carries them.

use crate::error::ApiError;

/// What is spoken when nobody asks for another.
pub const PRESENT: &str = "2026-10-28.endive";
/// The first version that answered without the list `charges` on intents.
const LATEST_CHARGE: &str = "2022-11-15";
/// The first version in which `payment_method_types` is output only.
const TYPES_ARE_OUTPUT: &str = "2026-09-30";
/// What the official command line speaks, which names no version: its fixtures were written for the API as it was then.
const COMMAND_LINE: &str = "2026-08-26.dahlia";
const COMMAND_LINE_AGENT: &str = "stripe-cli/";
const FIRST: &str = "2011-01-01";
const LAST: &str = "2026-12-31";

/// The last day of a month (Gregorian).
const fn last_day(year: u16, month: u16) -> u16 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiVersion(String);

impl ApiVersion {
    pub fn parse(header: Option<&str>) -> Result<ApiVersion, ApiError> {
        let Some(text) = header else { return Ok(ApiVersion(PRESENT.to_owned())) };
        let bad = || {
            let shown: String = text.chars().filter(char::is_ascii_graphic).take(40).collect();
            ApiError::invalid(format!("Invalid Stripe API version: {shown}"))
        };
        let (date, release) = text.split_once('.').unwrap_or((text, "x"));
        let release_fits =
            !release.is_empty() && release.len() <= 32 && release.bytes().all(|b| b.is_ascii_alphanumeric());
        let shape = date.len() == 10
            && date.bytes().enumerate().all(|(n, b)| if n == 4 || n == 7 { b == b'-' } else { b.is_ascii_digit() });
        let mut parts = date.split('-').filter_map(|p| p.parse::<u16>().ok());
        let (year, month, day) = (parts.next(), parts.next(), parts.next());
        let on_calendar = year.is_some()
            && month.is_some_and(|m| (1..=12).contains(&m))
            && day.is_some_and(|d| (1..=last_day(year.unwrap_or(0), month.unwrap_or(0))).contains(&d));
        if !shape || !on_calendar || !release_fits || !(FIRST..=LAST).contains(&date) {
            return Err(bad());
        }
        Ok(ApiVersion(text.to_owned()))
    }

    /// The version that a request asks for: by its header, or by who sends it.
    pub fn asked(header: Option<&str>, agent: Option<&str>) -> Result<ApiVersion, ApiError> {
        let by_agent = agent.filter(|agent| agent.contains(COMMAND_LINE_AGENT)).map(|_| COMMAND_LINE);
        ApiVersion::parse(header.or(by_agent))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
    fn date(&self) -> &str {
        self.0.get(..10).unwrap_or(PRESENT)
    }
    /// Intents carry their charges as a list.
    pub fn lists_charges(&self) -> bool {
        self.date() < LATEST_CHARGE
    }
    pub fn takes_method_types(&self) -> bool {
        self.date() < TYPES_ARE_OUTPUT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_versions_there_are() {
        for good in ["2020-08-27", "2022-08-01", "2023-10-16", "2024-04-10", "2025-03-31.basil", PRESENT] {
            assert_eq!(ApiVersion::parse(Some(good)).map(|v| v.0).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "latest",
            "2020-13-01",
            "2020-00-01",
            "2024-04-31",
            "2023-02-29",
            "1999-01-01",
            "2099-01-01",
            "2020-08-27.",
            "2020-8-27",
            "2020-08-27.a b",
        ] {
            assert_eq!(ApiVersion::parse(Some(bad)).map_err(|e| e.status), Err(400), "{bad}");
        }
        let date = |text| ApiVersion::parse(Some(text)).unwrap();
        assert!(date("2022-08-01").lists_charges() && !date("2022-11-15").lists_charges());
        let asked = |header, agent| ApiVersion::asked(header, Some(agent)).unwrap().0;
        assert_eq!(asked(None, "Stripe/v1 stripe-cli/1.52.0"), COMMAND_LINE);
        assert_eq!(asked(Some(PRESENT), "Stripe/v1 stripe-cli/1.52.0"), PRESENT);
        assert_eq!(asked(None, "Stripe/v1 NodeBindings/23.1.0"), PRESENT);
        assert!(date("2025-03-31.basil").takes_method_types() && !date(PRESENT).takes_method_types());
    }
}
