//! Single values that a database gave, and how they are compared and shown.

use super::decimal::Decimal;
use crate::ids::Digest;
use std::{cmp::Ordering, fmt};

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    /// An exact decimal, as the database writes it.
    Decimal(String),
    Text(String),
    Blob(Vec<u8>),
}

/// A number of any kind, compared without loss.
#[derive(Debug, Clone)]
pub(super) enum Exact {
    Integer(i128),
    Real(f64),
    Decimal(Decimal),
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl Exact {
    /// The number of a playbook.
    pub(super) fn of_json(number: &serde_json::Number) -> Self {
        let integer = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        match integer {
            Some(integer) => Exact::Integer(integer),
            None => Exact::Real(number.as_f64().unwrap_or(f64::NAN)),
        }
    }
}

impl Exact {
    /// A real beside a decimal is taken as it is written: 0.1 equals 0.10.
    fn decimal(&self) -> Option<Decimal> {
        match self {
            Exact::Integer(integer) => Decimal::parse(&integer.to_string()),
            Exact::Real(real) => Decimal::parse(&real.to_string()),
            Exact::Decimal(decimal) => Some(decimal.clone()),
        }
    }
}

impl PartialOrd for Exact {
    /// Exact: 9007199254740993 is more than 9007199254740992.0, though the first has no such real of its own.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Exact::Integer(a), Exact::Integer(b)) => Some(a.cmp(b)),
            (Exact::Real(a), Exact::Real(b)) => a.partial_cmp(b),
            (Exact::Real(a), Exact::Integer(b)) => order(*b, *a).map(Ordering::reverse),
            (Exact::Integer(a), Exact::Real(b)) => order(*a, *b),
            (a, b) => Some(a.decimal()?.cmp(&b.decimal()?)),
        }
    }
}

fn order(integer: i128, real: f64) -> Option<Ordering> {
    if real.is_nan() {
        return None;
    }
    // Saturates beyond the range of i128, which is far beyond that of the integers compared here.
    let whole = real.trunc() as i128;
    Some(
        integer
            .cmp(&whole)
            .then_with(|| 0.0f64.partial_cmp(&(real - real.trunc())).unwrap_or(Ordering::Equal)),
    )
}

impl Value {
    /// The number, if it is one.
    pub(super) fn number(&self) -> Option<Exact> {
        match self {
            Value::Integer(i) => Some(Exact::Integer(i128::from(*i))),
            Value::Real(real) => Some(Exact::Real(*real)),
            Value::Decimal(text) => match Decimal::parse(text) {
                Some(decimal) => Some(Exact::Decimal(decimal)),
                // NaN and the infinities.
                None => text.parse().ok().map(Exact::Real),
            },
            _ => None,
        }
    }

    /// For evidence. Rows of data are never evidence: a number may be shown, of a text only its length and digest.
    pub(super) fn shown(&self) -> String {
        match self {
            Value::Text(text) => {
                let digest = Digest::of(text.as_bytes()).to_string();
                format!("a text of {} characters (sha256 {}…)", text.chars().count(), &digest[..8])
            }
            Value::Blob(bytes) => format!("a blob of {} bytes", bytes.len()),
            plain => plain.to_string(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Integer(i) => write!(f, "{i}"),
            Value::Real(real) => write!(f, "{real:?}"),
            Value::Text(text) | Value::Decimal(text) => f.write_str(text),
            Value::Blob(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_without_loss() {
        use Exact::{Integer as I, Real as R};
        let rising = [
            R(f64::NEG_INFINITY),
            R(-1e300),
            I(i128::from(i64::MIN)),
            R(-1.5),
            I(-1),
            R(-0.5),
            I(0),
            R(0.1),
            I(1),
            R(9_007_199_254_740_992.0),
            I(9_007_199_254_740_993),
            I(i128::from(i64::MAX)),
            R(9_223_372_036_854_775_808.0),
            I(i128::from(u64::MAX)),
            R(1e300),
            R(f64::INFINITY),
        ];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                assert_eq!(a.partial_cmp(b), Some(i.cmp(&j)), "{a:?} {b:?}");
            }
        }
        assert_eq!(I(1).partial_cmp(&R(1.0)), Some(Ordering::Equal));
        assert_eq!(I(0).partial_cmp(&R(-0.0)), Some(Ordering::Equal));
        assert_eq!(I(1).partial_cmp(&R(f64::NAN)), None);
    }

    #[test]
    fn texts_are_not_shown() {
        let shown = Value::Text("ada@example.org".into()).shown();
        assert!(shown.starts_with("a text of 15 characters (sha256 "), "{shown}");
        assert!(!shown.contains("ada"));
        assert_eq!(Value::Blob(vec![1, 2]).shown(), "a blob of 2 bytes");
        assert_eq!(Value::Real(1.0).shown(), "1.0");
    }
}
