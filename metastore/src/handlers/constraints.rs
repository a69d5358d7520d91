//! Constraints: none are kept yet, and those who ask are told so.

use thrift_idl::methods::{
    GetAllTableConstraints, GetCheckConstraints, GetDefaultConstraints, GetForeignKeys,
    GetNotNullConstraints, GetPrimaryKeys, GetUniqueConstraints,
};
use thrift_idl::types::{
    AllTableConstraintsResponse, CheckConstraintsResponse, DefaultConstraintsResponse, ForeignKeysResponse,
    NotNullConstraintsResponse, PrimaryKeysResponse, SQLAllTableConstraints, UniqueConstraintsResponse,
};

use crate::registry::Routes;

pub(super) fn routes() -> Routes {
    Routes::default()
        .empty::<GetPrimaryKeys>(|| PrimaryKeysResponse {
            primary_keys: Some(Vec::new()),
        })
        .empty::<GetForeignKeys>(|| ForeignKeysResponse {
            foreign_keys: Some(Vec::new()),
        })
        .empty::<GetUniqueConstraints>(|| UniqueConstraintsResponse {
            unique_constraints: Some(Vec::new()),
        })
        .empty::<GetNotNullConstraints>(|| NotNullConstraintsResponse {
            not_null_constraints: Some(Vec::new()),
        })
        .empty::<GetDefaultConstraints>(|| DefaultConstraintsResponse {
            default_constraints: Some(Vec::new()),
        })
        .empty::<GetCheckConstraints>(|| CheckConstraintsResponse {
            check_constraints: Some(Vec::new()),
        })
        .empty::<GetAllTableConstraints>(|| AllTableConstraintsResponse {
            all_table_constraints: Some(SQLAllTableConstraints {
                primary_keys: Some(Vec::new()),
                foreign_keys: Some(Vec::new()),
                unique_constraints: Some(Vec::new()),
                not_null_constraints: Some(Vec::new()),
                default_constraints: Some(Vec::new()),
                check_constraints: Some(Vec::new()),
            }),
        })
}
