//! The playbook's own queries: of any type of column, as someone who can't write where that can be had.

use super::{columns::Column, probe::Role, relations, session::PostgresSession, work::trouble};
use crate::server::Ask;
use crate::verify::{answer::Answer, sql::Trouble, statement::Statement, value::Value};
use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Column as _, Executor, Row as _, SqlSafeStr, Statement as _,
    postgres::{PgTypeInfo, PgTypeKind},
};

impl PostgresSession {
    async fn prepared(&mut self, statement: &Statement) -> Result<Vec<(String, PgTypeInfo)>, Trouble> {
        let prepared = self
            .main()?
            .inner()
            .prepare(AssertSqlSafe(statement.sql.as_str()).into_sql_str())
            .await
            .map_err(|error| trouble(&error))?;
        Ok(prepared
            .columns()
            .iter()
            .map(|column| (column.name().to_owned(), column.type_info().clone()))
            .collect())
    }

    pub(super) async fn types_of(&mut self, statement: &Statement) -> Result<Vec<Column>, Trouble> {
        let mut types = Vec::new();
        for (name, kind) in self.prepared(statement).await? {
            let oid = kind.oid().map_or(0, |oid| oid.0);
            // Two columns of one name are kept apart.
            let mut unique = name.clone();
            let mut n = 1;
            while types.iter().any(|(other, _)| *other == unique) {
                n += 1;
                unique = format!("{name} ({n})");
            }
            types.push((unique, oid));
        }
        let encoding = self.encoding.clone();
        // Names of types are written out in full, whatever the user's own path is.
        self.path("").await?;
        let described = relations::describe_types(self.main()?, &types, &encoding).await?;
        self.path("default").await?;
        Ok(described)
    }

    pub(super) async fn ask_query(&mut self, statement: &Statement, enough: u64) -> Result<Answer, Trouble> {
        self.path("default").await?;
        if self.role == Role::ReadAll {
            self.main()?.run("set local role pg_read_all_data").await?;
        }
        let types = self.prepared(statement).await?;
        let names: Vec<String> = (1..=types.len()).map(|n| format!("c{n}")).collect();
        let list: Vec<String> = names.iter().map(|name| format!("q.{name}::text")).collect();
        let sql = match names.is_empty() {
            true => format!("select from ({}\n) q", statement.sql),
            false => format!("select {} from ({}\n) q({})", list.join(", "), statement.sql, names.join(", ")),
        };
        let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for value in &statement.values {
            query = query.bind(value.as_str());
        }
        let mut answer = Answer { rows: 0, more: false, first: Vec::new() };
        let mut rows = query.fetch(self.main()?.inner());
        while let Some(row) = rows.try_next().await.map_err(|error| trouble(&error))? {
            if answer.rows == enough {
                answer.more = true;
                break;
            }
            answer.rows += 1;
            if answer.rows == 1 {
                for (column, (_, kind)) in types.iter().enumerate() {
                    let text: Option<String> = row.try_get(column).map_err(|error| trouble(&error))?;
                    answer.first.push(value(text, kind));
                }
            }
        }
        Ok(answer)
    }
}

/// A value by its type.
fn value(text: Option<String>, kind: &PgTypeInfo) -> Value {
    let Some(text) = text else { return Value::Null };
    let mut kind = kind.clone();
    while let PgTypeKind::Domain(base) = kind.kind() {
        kind = base.clone();
    }
    match sqlx::TypeInfo::name(&kind) {
        "INT2" | "INT4" | "INT8" | "OID" => text.parse().map_or(Value::Text(text), Value::Integer),
        "BOOL" => Value::Integer(i64::from(text == "true")),
        "FLOAT4" | "FLOAT8" => text.parse().map_or(Value::Text(text), Value::Real),
        "NUMERIC" => Value::Decimal(text),
        "BYTEA" => Value::Blob(text.strip_prefix("\\x").map(hex).unwrap_or_default()),
        _ => Value::Text(text),
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).filter_map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()).collect()
}
