//! Days of the calendar, as far as "is it past?" needs them.

/// A day of the proleptic Gregorian calendar; later is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Reads `2027-01-31`.
    pub fn parse(text: &str) -> Option<Date> {
        let mut parts = text.split('-');
        let mut number = |digits: usize| -> Option<u16> {
            let part = parts.next()?;
            let is_number = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| part.parse().ok()).flatten()
        };
        let (year, month, day) = (number(4)?, number(2)? as u8, number(2)? as u8);
        let valid = parts.next().is_none() && (1..=12).contains(&month) && (1..=days(year, month)).contains(&day);
        valid.then_some(Date { year, month, day })
    }

    /// The day, in UTC, that a number of seconds since 1970 falls on.
    pub fn from_unix(seconds: u64) -> Date {
        let mut left = seconds / 86_400;
        let mut year = 1970;
        while left >= year_length(year) {
            left -= year_length(year);
            year += 1;
        }
        let mut month = 1;
        while left >= u64::from(days(year, month)) {
            left -= u64::from(days(year, month));
            month += 1;
        }
        Date { year, month, day: left as u8 + 1 }
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn year_length(year: u16) -> u64 {
    // A clock set past the last year that fits is wrong anyway, and must not loop.
    match year {
        u16::MAX => u64::MAX,
        _ if is_leap(year) => 366,
        _ => 365,
    }
}

fn days(year: u16, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        // An overlong last year ends in an overlong month.
        12 if year == u16::MAX => u8::MAX,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_checked() {
        for good in ["2027-01-01", "2024-02-29", "2000-02-29", "0001-12-31"] {
            assert_eq!(Date::parse(good).map(|d| d.to_string()).as_deref(), Some(good));
        }
        for bad in
            ["", "2027", "2027-1-1", "2027-13-01", "2027-00-01", "2025-02-29", "1900-02-29", "2027-01-01-01", "soon"]
        {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn seconds_become_days() {
        assert_eq!(Date::from_unix(0).to_string(), "1970-01-01");
        assert_eq!(Date::from_unix(86_399).to_string(), "1970-01-01");
        assert_eq!(Date::from_unix(951_782_400).to_string(), "2000-02-29");
        assert_eq!(Date::from_unix(1_767_225_600).to_string(), "2026-01-01");
    }

    #[test]
    fn later_is_greater() {
        assert!(Date::parse("2026-12-31") < Date::parse("2027-01-01"));
    }
}
