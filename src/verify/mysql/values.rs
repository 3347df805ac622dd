//! Values as the server writes them.

use crate::verify::{fingerprint::RowBytes, value::Value};
use sqlx::{Decode, MySql, Type, TypeInfo, ValueRef, mysql::MySqlTypeInfo, mysql::MySqlValueRef};

/// What kind of value a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer {
        signed: bool,
    },
    Real,
    Decimal,
    Bits,
    Text,
    Blob,
    /// A date or a time.
    Moment,
}

impl Kind {
    pub(super) fn of(info: &MySqlTypeInfo) -> Self {
        match info.name() {
            // The driver's name of TINYINT(1) does not tell whether it is unsigned.
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "TINYINT UNSIGNED"
            | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "BIGINT UNSIGNED" => {
                Kind::Integer { signed: <i64 as Type<MySql>>::compatible(info) }
            }
            "YEAR" => Kind::Integer { signed: false },
            "FLOAT" | "DOUBLE" => Kind::Real,
            "DECIMAL" => Kind::Decimal,
            "BIT" => Kind::Bits,
            "DATE" | "TIME" | "DATETIME" | "TIMESTAMP" => Kind::Moment,
            "JSON" | "ENUM" | "SET" => Kind::Text,
            "GEOMETRY" => Kind::Blob,
            // The driver calls a text with a binary collation VARBINARY: its character set tells.
            _ if <str as Type<MySql>>::compatible(info) => Kind::Text,
            _ => Kind::Blob,
        }
    }

    /// In a word, for the list of a fingerprint's columns.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Integer { .. } => "integer",
            Kind::Real => "real",
            Kind::Decimal => "decimal",
            Kind::Bits => "bit",
            Kind::Text => "text",
            Kind::Blob => "blob",
            Kind::Moment => "date or time",
        }
    }
}

/// A value that came as text.
pub(super) fn value(raw: MySqlValueRef<'_>) -> Result<Value, sqlx::Error> {
    let kind = Kind::of(&raw.type_info());
    let Some(bytes) = bytes(raw)? else { return Ok(Value::Null) };
    let text = || String::from_utf8_lossy(bytes).into_owned();
    Ok(match kind {
        // Above the range of i64 it is as exact as a decimal.
        Kind::Integer { .. } => match text().parse() {
            Ok(integer) => Value::Integer(integer),
            Err(_) => Value::Decimal(text()),
        },
        Kind::Real => text().parse().map_or_else(|_| Value::Text(text()), Value::Real),
        Kind::Decimal => Value::Decimal(text()),
        Kind::Bits => {
            let number = bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
            i64::try_from(number).map_or_else(|_| Value::Decimal(number.to_string()), Value::Integer)
        }
        Kind::Text | Kind::Moment => Value::Text(text()),
        Kind::Blob => Value::Blob(bytes.to_vec()),
    })
}

/// Writes a value that came in binary in its canonical bytes: exact, also of a float.
pub(super) fn push(row: &mut RowBytes, raw: MySqlValueRef<'_>) -> Result<(), sqlx::Error> {
    let kind = Kind::of(&raw.type_info());
    let Some(bytes) = bytes(raw)? else {
        row.null();
        return Ok(());
    };
    match (kind, bytes) {
        (Kind::Integer { signed }, bytes) if bytes.len() <= 8 => {
            let mut wide =
                [if signed && bytes.last().is_some_and(|byte| *byte >= 0x80) { 0xff } else { 0 }; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            let number = u64::from_le_bytes(wide);
            match i64::try_from(number) {
                _ if signed => row.integer(number as i64),
                Ok(number) => row.integer(number),
                Err(_) => row.text(number.to_string().as_bytes()),
            }
        }
        (Kind::Real, [a, b, c, d]) => row.real(f64::from(f32::from_le_bytes([*a, *b, *c, *d]))),
        (Kind::Real, bytes) => match bytes.try_into() {
            Ok(bytes) => row.real(f64::from_le_bytes(bytes)),
            Err(_) => row.blob(bytes),
        },
        (Kind::Decimal | Kind::Text, bytes) => row.text(bytes),
        (Kind::Integer { .. } | Kind::Bits | Kind::Blob | Kind::Moment, bytes) => row.blob(bytes),
    }
    Ok(())
}

/// The bytes; none: NULL. (The driver also takes a zero date for NULL, which it is not.)
fn bytes(raw: MySqlValueRef<'_>) -> Result<Option<&[u8]>, sqlx::Error> {
    let null = raw.is_null();
    match <&[u8] as Decode<'_, MySql>>::decode(raw) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(_) if null => Ok(None),
        Err(error) => Err(sqlx::Error::Decode(error)),
    }
}
