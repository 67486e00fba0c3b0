//! How carelessly the platforms write a row down: numbers in quotes, members that come and go, rows that no one
//! can read.

use super::json::Json;

/// How carelessly the platform writes a row down.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// Numbers come in quotes.
    pub numbers_as_text: bool,
    /// What becomes of members that carry nothing.
    pub empty_members: EmptyMembers,
    /// A row that no one can read.
    pub spoiled: Option<Spoiled>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptyMembers {
    #[default]
    Written,
    Null,
    Absent,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoiled {
    /// It has its number, but the status is an object.
    Status,
    /// Not even its number can be read.
    Number,
}

impl Shape {
    /// What is wrong with the row in this answer; `is_struck` if a fault makes it unreadable.
    pub(super) fn spoiled_in(self, is_struck: bool) -> Option<Spoiled> {
        if is_struck { Some(Spoiled::Status) } else { self.spoiled }
    }
}

/// A whole number, in quotes where the row has its numbers so.
pub fn number(json: &mut Json, name: &str, value: i64, shape: Shape) {
    identity(json, name, &value.to_string(), shape);
}

/// A number the platform uses as a name, given as its digits.
pub fn identity(json: &mut Json, name: &str, digits: &str, shape: Shape) {
    if shape.numbers_as_text {
        json.string(name, digits);
    } else {
        json.raw(name, digits);
    }
}

/// A member that carries nothing anybody keeps: written, null or left out.
pub fn empty(json: &mut Json, shape: Shape, name: &str, write: impl FnOnce(&mut Json, &str)) {
    match shape.empty_members {
        EmptyMembers::Written => write(json, name),
        EmptyMembers::Null => json.null(name),
        EmptyMembers::Absent => {}
    }
}
