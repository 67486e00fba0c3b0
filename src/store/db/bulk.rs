//! Many rows in few statements, within what both databases accept.

use sea_orm::sea_query::{Expr, InsertStatement, IntoIden, IntoTableRef, OnConflict, Query};
use sea_orm::{ConnectionTrait, DbErr, Value};

use crate::store::StoreError;

/// About the fastest on both databases; more rows only take more memory.
const ROWS_PER_STATEMENT: usize = 500;
/// SQLite's limit; that of Postgres is twice as high.
const BINDS_MAX: usize = 32_766;

/// How many keys one `IN (…)` holds at most.
pub const KEYS_PER_STATEMENT: usize = 500;

/// `INSERT` statements for any number of rows, in their order. All rows have the same columns. The caller adds what
/// is to be done on conflict.
pub fn inserts<E, R, C>(table: E, rows: impl IntoIterator<Item = R>) -> Vec<InsertStatement>
where
    E: IntoTableRef + Copy,
    R: IntoIterator<Item = (C, Value)>,
    C: IntoIden,
{
    let mut statements = Vec::new();
    let mut rows =
        rows.into_iter().map(|row| row.into_iter().unzip::<C, Value, Vec<C>, Vec<Value>>()).peekable();
    while let Some((columns, _)) = rows.peek() {
        let rows_max = ROWS_PER_STATEMENT.min(BINDS_MAX / columns.len().max(1));
        let mut statement = Query::insert().into_table(table).to_owned();
        for (position, (columns, values)) in rows.by_ref().take(rows_max).enumerate() {
            if position == 0 {
                statement.columns(columns);
            }
            // Panics only on a row with fewer or more columns than the first.
            statement.values_panic(values.into_iter().map(Expr::from));
        }
        statements.push(statement);
    }
    statements
}

/// Inserts one row and returns its surrogate key. `conflict`: what to do with a row that is there
/// already, which must not be nothing, because then no key would be returned.
pub async fn insert_for_id<E, C, const N: usize>(
    db: &impl ConnectionTrait,
    table: E,
    row: [(C, Value); N],
    conflict: Option<OnConflict>,
    id: C,
) -> Result<i64, StoreError>
where
    E: IntoTableRef,
    C: IntoIden,
{
    let (columns, values): (Vec<C>, Vec<Value>) = row.into_iter().unzip();
    let mut insert = Query::insert().into_table(table).to_owned();
    insert.columns(columns).values_panic(values.into_iter().map(Expr::from));
    if let Some(conflict) = conflict {
        insert.on_conflict(conflict);
    }
    insert.returning_col(id);
    let row = db.query_one(&insert).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("the row that was just inserted".to_owned()))?;
    Ok(row.try_get_by_index(0)?)
}

#[cfg(test)]
mod tests {
    use sea_orm::sea_query::{Alias, SqliteQueryBuilder};

    use super::*;

    fn binds_of<const N: usize>(rows: usize) -> Vec<usize> {
        let row =
            || std::array::from_fn::<_, N, _>(|column| (Alias::new(format!("c{column}")), Value::from(1)));
        inserts("t", (0..rows).map(|_| row()))
            .iter()
            .map(|statement| statement.build(SqliteQueryBuilder).1.0.len())
            .collect()
    }

    #[test]
    fn a_statement_has_neither_too_many_rows_nor_too_many_binds() {
        assert_eq!(binds_of::<3>(1_201), [1_500, 1_500, 603]);
        assert!(binds_of::<70>(1_000).iter().all(|binds| *binds <= BINDS_MAX));
        assert_eq!(binds_of::<70>(1_000).iter().sum::<usize>(), 70_000);
        assert!(binds_of::<3>(0).is_empty());
    }
}
