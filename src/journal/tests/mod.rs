//! The journal as a whole: what it takes, what it refuses, and what it survives.

mod appending;
mod damage;
mod leases;
mod opening;
mod processes;
mod rules;
mod storage;
