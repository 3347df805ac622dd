//! What is read of a target: its columns, the sources with their sizes, the conditions with their parameters.

use super::{
    columns::{Column, placeholder, quoted},
    relations,
    scan::{Plan, query_source, table_source},
    session::PostgresSession,
};
use crate::{
    drill::Fault,
    verify::sql::{How, LeftOut, Shape, Target, Trouble},
};

/// What a reading statement needs.
pub(super) struct Work {
    pub(super) plan: Plan,
    pub(super) leaves: Vec<(String, u64)>,
    pub(super) conditions: Vec<String>,
    pub(super) parameters: Vec<String>,
    pub(super) source: String,
    pub(super) total: Option<u64>,
}

impl Work {
    pub(super) fn parameters(&self) -> Vec<&str> {
        self.parameters.iter().map(String::as_str).collect()
    }
}

impl PostgresSession {
    pub(super) async fn columns(&mut self, shape: &Shape) -> Result<Vec<Column>, Fault> {
        let relation = self.relation(&shape.table.name)?;
        let encoding = self.encoding.clone();
        let (mut columns, _) = relations::describe(self.main()?, &relation, &encoding).await?;
        columns.retain(|column| shape.columns.iter().any(|(name, _)| *name == column.name));
        Ok(columns)
    }

    /// What is read of a target: the plan, the sources with their sizes, the conditions and their parameters.
    pub(super) async fn work(&mut self, target: &Target, how: How) -> Result<Work, Trouble> {
        self.probe().await?;
        match target {
            Target::Table(shape) => {
                let relation = self.relation(&shape.table.name)?;
                let columns = self.columns(shape).await?;
                let plan = Plan::new(columns, &shape.key, how, matches!(relation.kind, 'r' | 'p' | 'm'));
                let (mut conditions, mut parameters) = (Vec::new(), Vec::new());
                if let Some(condition) = &shape.condition {
                    conditions.push(condition.sql.clone());
                    parameters.extend(condition.values.iter().cloned());
                }
                match &shape.left_out {
                    LeftOut::Nothing => {}
                    LeftOut::Since(column, since) => {
                        parameters.push(since.to_string());
                        conditions.push(format!(
                            "coalesce(x.{} < {}, true)",
                            quoted(column),
                            placeholder(parameters.len(), &since.to_string())
                        ));
                    }
                    LeftOut::Keys(keys) => {
                        parameters.push(format!("{{{}}}", keys.join(",")));
                        conditions.push(plan.not_among(parameters.len()));
                    }
                }
                let leaves = relations::leaves(self.main()?, &relation).await?;
                let total = relations::estimate(self.main()?, &relation).await?;
                let leaves = leaves.iter().map(|(leaf, blocks)| (leaf.sql(), *blocks)).collect();
                let source = table_source(&relation.sql(), None, &conditions);
                Ok(Work { plan, leaves, conditions, parameters, source, total })
            }
            Target::Query(statement) => {
                self.path("default").await?;
                let columns = self.types_of(statement).await?;
                let plan = Plan::new(columns, &[], how, false);
                let source = query_source(statement, plan.columns());
                Ok(Work {
                    plan,
                    leaves: Vec::new(),
                    conditions: Vec::new(),
                    parameters: statement.values.clone(),
                    source,
                    total: None,
                })
            }
        }
    }
}
