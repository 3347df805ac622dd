//! x
use super::super::{Findings, Progress};
use crate::{drill::Fault, server::Ask};
pub(in crate::verify::catalog) async fn check(_ask: &mut dyn Ask, _progress: Progress<'_>) -> Result<Findings, Fault> { Ok(Findings::default()) }
