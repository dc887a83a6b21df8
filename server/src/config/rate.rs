//! A rate of requests, as it is written: `100`, `100:200`, `off`.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// Most requests a second, and at once, that a limit may allow: more is no limit.
const REQUESTS_MAX: u32 = 1_000_000;

/// How many requests may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    /// As many as there are.
    Off,
    /// So many.
    Limit {
        /// Requests a second, in the long run.
        per_second: NonZeroU32,
        /// Requests at once, after a rest.
        burst: NonZeroU32,
    },
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" || text == "0" {
            return Ok(Self::Off);
        }
        let number = |text: &str| {
            let number = text.parse::<u32>().ok().filter(|number| *number <= REQUESTS_MAX);
            number.and_then(NonZeroU32::new).ok_or_else(|| {
                format!(
                    "expected requests a second and perhaps how many at once, like 100 or 100:200, each from 1 to {REQUESTS_MAX}, or off; found `{text}`"
                )
            })
        };
        let (rate, burst) = text.split_once(':').unwrap_or((text, text));
        Ok(Self::Limit { per_second: number(rate)?, burst: number(burst)? })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Limit { per_second, burst } => write!(f, "{per_second}:{burst}"),
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn what_is_a_rate() {
        let shown = |text: &str| text.parse::<Rate>().map(|rate| rate.to_string());
        assert_eq!(shown("100"), Ok("100:100".to_owned()));
        assert_eq!(shown("100:200"), Ok("100:200".to_owned()));
        assert_eq!(shown("1000000:1"), Ok("1000000:1".to_owned()));
        for off in ["off", "0"] {
            assert_eq!(shown(off), Ok("off".to_owned()));
        }
        for wrong in ["", "-1", "1.5", "1:", ":1", "1:0", "0:1", "1:2:3", "1000001", "fast"] {
            assert!(shown(wrong).unwrap_err().contains("100:200"), "{wrong}");
        }
    }
}
