//! The list of repositories: [`Store`] hands out one for each subject.

use super::Store;
use super::db::migrate::SchemaRepo;
use super::grants::credentials::GrantRepo;
use super::grants::login_attempts::LoginRepo;
use super::grants::orphans::OrphanRepo;
use super::ledger::cursors::CursorRepo;
use super::ledger::leases::LeaseRepo;
use super::ledger::windows::WindowRepo;
use super::records::amounts::AmountRepo;
use super::records::pages::PageRepo;
use super::records::quarantine::QuarantineRepo;
use super::records::replay::ReplayRepo;
use super::records::scans::ScanRepo;
use super::records::stock::StockRepo;
use super::reports::alarms::AlarmRepo;
use super::reports::daemons::DaemonRepo;
use super::reports::explain::ExplainRepo;
use super::reports::overview::ReportRepo;
use super::reports::rows::RowRepo;
use super::reports::runs::RunRepo;
use super::shops::ShopRepo;
use super::shops::prune::PruneRepo;

impl Store {
    /// The shops' grants: tokens, and what is known of them.
    pub fn grants(&self) -> GrantRepo<'_> {
        GrantRepo { store: self }
    }

    /// Logins under way, and codes that were tried.
    pub fn logins(&self) -> LoginRepo<'_> {
        LoginRepo { store: self }
    }

    /// Token pairs that a platform handed out and that no grant holds yet.
    pub fn orphans(&self) -> OrphanRepo<'_> {
        OrphanRepo { store: self }
    }

    /// How far each record of each shop is read, and what is switched off.
    pub fn cursors(&self) -> CursorRepo<'_> {
        CursorRepo { store: self }
    }

    /// Who may write a lane at present.
    pub fn leases(&self) -> LeaseRepo<'_> {
        LeaseRepo { store: self }
    }

    /// Which stretches of time were read, and which are open.
    pub fn windows(&self) -> WindowRepo<'_> {
        WindowRepo { store: self }
    }

    /// Writes what a page of a list brought.
    pub fn pages(&self) -> PageRepo<'_> {
        PageRepo { store: self }
    }

    /// The money of orders: what is due, and what came.
    pub fn amounts(&self) -> AmountRepo<'_> {
        AmountRepo { store: self }
    }

    /// Rows that could not be read, and when they are requested again.
    pub fn quarantine(&self) -> QuarantineRepo<'_> {
        QuarantineRepo { store: self }
    }

    /// Converts stored answers again into typed columns.
    pub fn replay(&self) -> ReplayRepo<'_> {
        ReplayRepo { store: self }
    }

    /// Compares lists that are read whole with what is stored.
    pub fn scans(&self) -> ScanRepo<'_> {
        ScanRepo { store: self }
    }

    /// The stock of SKUs.
    pub fn stock(&self) -> StockRepo<'_> {
        StockRepo { store: self }
    }

    /// Alarms that were raised, and when they were sent.
    pub fn alarms(&self) -> AlarmRepo<'_> {
        AlarmRepo { store: self }
    }

    /// Which daemons work, and for which shops.
    pub fn daemons(&self) -> DaemonRepo<'_> {
        DaemonRepo { store: self }
    }

    /// Where a row comes from, and what is missing.
    pub fn explain(&self) -> ExplainRepo<'_> {
        ExplainRepo { store: self }
    }

    /// Questions of people: status, orders, numbers of days.
    pub fn reports(&self) -> ReportRepo<'_> {
        ReportRepo { store: self }
    }

    /// The stored rows of records that are no orders.
    pub fn rows(&self) -> RowRepo<'_> {
        RowRepo { store: self }
    }

    /// Runs of jobs.
    pub fn runs(&self) -> RunRepo<'_> {
        RunRepo { store: self }
    }

    /// The shops themselves: accounts, pauses, new names.
    pub fn shops(&self) -> ShopRepo<'_> {
        ShopRepo { store: self }
    }

    /// Deletes what is old.
    pub fn pruning(&self) -> PruneRepo<'_> {
        PruneRepo { store: self }
    }

    /// The migrations of the schema.
    pub fn schema(&self) -> SchemaRepo<'_> {
        SchemaRepo { store: self }
    }
}
