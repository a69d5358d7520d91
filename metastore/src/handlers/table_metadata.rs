//! What a table would become if it were created, and what a materialized view was made from.

use std::sync::Arc;

use catalog::draft::AlterTable as How;
use catalog::model::Creation;
use catalog::{Draft, Error};
use futures::FutureExt;
use thrift_idl::methods::{
    TranslateTableDryrun, TranslateTableDryrunArgs, UpdateCreationMetadata, UpdateCreationMetadataArgs,
};
use thrift_idl::types::Table;

use crate::complete::new_table;
use crate::context::Call;
use crate::convert::{creation_from, table_from, table_to};
use crate::exception::{Class, Failure};
use crate::registry::Routes;

pub(super) fn routes() -> Routes {
    Routes::default()
        .serve::<TranslateTableDryrun, _, _>(translate)
        .serve::<UpdateCreationMetadata, _, _>(update_creation)
}

/// Answers with the table as it would be stored, and stores nothing. One that is there already comes back as it
/// was asked about.
async fn translate(call: Call, args: TranslateTableDryrunArgs) -> Result<Table, Failure> {
    let request = args.request.unwrap_or_default();
    let asked = request
        .table
        .ok_or_else(|| Failure::meta("Table cannot be null."))?;
    let target = call
        .database(asked.db_name.as_deref(), asked.cat_name.as_deref())
        .await?;
    let mut wire = asked.clone();
    new_table(&mut wire, call.session.user());
    let table = table_from(wire, &target.names.locator)?;
    let repository = target.catalog.repository();
    let mut draft = Draft::new(
        target.snapshot().await?.view().clone(),
        target.catalog.cache().clone(),
        Arc::clone(repository.ids()),
        repository.clock().now_us(),
    );
    match draft.create_table(&target.database, table).await {
        Ok(made) => Ok(table_to(
            &made.table,
            &target.names,
            &made.database.table_base(&made.kind),
        )),
        Err(Error::TableExists { .. }) => Ok(asked),
        Err(Error::NoSuchDatabase { name }) => Err(Failure::As(&[Class::InvalidObject], name)),
        Err(error) => Err(error.into()),
    }
}

async fn update_creation(call: Call, args: UpdateCreationMetadataArgs) -> Result<(), Failure> {
    let named = call.table(args.dbname, args.tbl_name, args.cat_name).await?;
    let creation = args
        .creation_metadata
        .map(creation_from)
        .ok_or_else(|| Failure::meta("the creation metadata cannot be null"))?;
    let input = (named.target.database.clone(), named.name, creation);
    named
        .target
        .write(
            input,
            |draft, (database, name, creation): &(String, String, Creation)| {
                async move {
                    let mut table = draft.table(database, name).await?.table;
                    table.rest.creation = Some(creation.clone());
                    let how = How {
                        keep_statistics: true,
                        ..How::default()
                    };
                    Ok(draft.alter_table(database, name, table, &how).await.map(drop)?)
                }
                .boxed()
            },
        )
        .await
}
