//! The copied records: orders, products, after-sales cases, activities, and the quarantine.

pub(super) mod activities;
pub(super) mod after_sales;
pub mod amounts;
mod columns;
pub mod compare;
pub(super) mod order_items;
pub(super) mod order_parts;
pub(super) mod orders;
pub mod pages;
pub(super) mod products;
pub mod quarantine;
pub mod read_again;
pub mod replay;
pub(super) mod rows;
pub mod scans;
pub mod stock;
pub(super) mod tables;
pub mod things;
