//! What comes after a sale on the simulated platforms: cases of refund, return and exchange, each of their
//! versions with its time.

pub mod change;
mod generate;
mod truth;

use std::collections::HashMap;

use super::note::Note;
use super::order::ListedBy;
use super::shape::Shape;

pub use truth::{TruthCase, TruthCaseItem};

/// Every case of a shop.
#[derive(Default)]
pub struct Cases {
    cases: Vec<Versions>,
    by_number: HashMap<String, usize>,
}

struct Versions {
    /// Oldest first.
    earlier: Vec<Case>,
    current: Case,
}

/// One version of one case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Temu `parentAfterSalesSn`, Xiaohongshu `returnsId`.
    pub number: String,
    pub order_number: String,
    /// Temu's `afterSalesType`, Xiaohongshu's `returnType`.
    pub kind: i64,
    /// The platform's own code, unknown ones included.
    pub status: i64,
    /// Index into the reasons buyers give.
    pub reason: usize,
    pub note: Note,
    /// What the buyer asks back.
    pub expected_minor: i64,
    /// What went back; `None`: nothing yet.
    pub refunded_minor: Option<i64>,
    pub refunded_ms: Option<i64>,
    pub created_ms: i64,
    /// Temu keeps whole seconds.
    pub updated_ms: i64,
    pub items: Vec<CaseItem>,
    pub shape: Shape,
    /// The buyer's amount comes with the noise of binary fractions.
    pub is_noisy: bool,
}

/// One thing a case is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseItem {
    /// Temu's `afterSalesSn`.
    pub number: String,
    /// Index into the catalogue's products.
    pub product: usize,
    pub quantity: i64,
    pub amount_minor: i64,
}

/// The reasons buyers give: Xiaohongshu's number and words. Temu tells none.
pub const REASONS: [(i64, &str); 4] =
    [(7, "不想要了"), (101, "质量问题"), (102, "商品与描述不符"), (205, "少件/漏发")];

impl Cases {
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Case> {
        self.cases.iter().map(|versions| &versions.current)
    }

    pub(super) fn find(&self, number: &str) -> Option<&Case> {
        self.by_number.get(number).map(|&position| &self.cases[position].current)
    }

    /// Those whose time lies in the window, both ends included, newest first.
    pub(super) fn listed(&self, by: ListedBy, (from_ms, until_ms): (i64, i64)) -> Vec<&Case> {
        let time = |case: &Case| if by == ListedBy::Created { case.created_ms } else { case.updated_ms };
        let mut listed: Vec<&Case> =
            self.all().filter(|case| (from_ms..=until_ms).contains(&time(case))).collect();
        listed.sort_by(|a, b| (time(b), &b.number).cmp(&(time(a), &a.number)));
        listed
    }

    pub(super) fn len(&self) -> usize {
        self.cases.len()
    }

    /// A new case, or a new version of one.
    fn put(&mut self, case: Case) {
        if let Some(&position) = self.by_number.get(&case.number) {
            let versions = &mut self.cases[position];
            versions.earlier.push(std::mem::replace(&mut versions.current, case));
        } else {
            self.by_number.insert(case.number.clone(), self.cases.len());
            self.cases.push(Versions { earlier: Vec::new(), current: case });
        }
    }

    /// Every version a case has had, oldest first. Empty: there is no such case.
    fn versions(&self, number: &str) -> impl Iterator<Item = &Case> {
        let versions = self.by_number.get(number).map(|&position| &self.cases[position]);
        versions.into_iter().flat_map(|versions| versions.earlier.iter().chain([&versions.current]))
    }
}
