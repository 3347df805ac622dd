//! What needs a real database server.

mod dumps;
mod mysql;
