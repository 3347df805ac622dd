//! What needs a real database server.

mod drills;
mod dumps;
