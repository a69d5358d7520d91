//! What is wished of a merge: how strict it is, which side it takes where, and single decisions.

use std::collections::BTreeMap;

use catalog::merge::{CatalogResolver, Choice, ConflictId, ConflictKind, Options, Profile, Side, Strategy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use versioning::attempts::{Attempt, Decision};
use versioning::commit::CommitKind;
use versioning::merge::Strictness;
use versioning::{Error, Repository};

use crate::Api;

/// How much is left to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileBody {
    /// Comments and the order of columns are those of ours where both sides changed them.
    Lenient,
    #[default]
    Standard,
    /// A partition that both sides touched is a conflict.
    StrictPartition,
    /// A table that both sides touched is a conflict.
    StrictTable,
}

/// One of the two sides of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SideBody {
    /// That of the branch that is merged into.
    Ours,
    /// That of the source.
    Theirs,
}

/// Which side is taken where, without a person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StrategyBody {
    /// The kind of conflict, such as `ParamBoth`; all if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The tables, as `database.table` with `*` and `?`; everything if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<String>,
    pub side: SideBody,
}

/// How a merge decides what its rules leave open.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct WishesBody {
    /// The standard one if not given, or what the rules of the branch ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileBody>,
    /// The last that matches a conflict counts.
    #[serde(default)]
    pub strategies: Vec<StrategyBody>,
    /// Whether conflicts may be decided after which a table may be unreadable.
    #[serde(default)]
    pub force_unsafe: bool,
    /// Have files that both sides added to one table or partition be a conflict.
    #[serde(default)]
    pub no_append_union: bool,
}

/// A decision of one conflict: `"ours"`, `"theirs"`, `"base"`, or a text instead: `{"value": "bigint"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChoiceBody {
    Ours,
    Theirs,
    Base,
    Value(String),
}

impl From<ChoiceBody> for Choice {
    fn from(choice: ChoiceBody) -> Choice {
        match choice {
            ChoiceBody::Ours => Choice::Ours,
            ChoiceBody::Theirs => Choice::Theirs,
            ChoiceBody::Base => Choice::Base,
            ChoiceBody::Value(text) => Choice::Value(text),
        }
    }
}

impl ProfileBody {
    fn profile(self) -> Profile {
        match self {
            ProfileBody::Lenient => Profile::Lenient,
            ProfileBody::Standard => Profile::Standard,
            ProfileBody::StrictPartition => Profile::StrictPartition,
            ProfileBody::StrictTable => Profile::StrictTable,
        }
    }

    /// Returns it as the rules of branches know it.
    pub(crate) fn strictness(self) -> Strictness {
        self.profile().strictness()
    }
}

impl From<Strictness> for ProfileBody {
    fn from(strictness: Strictness) -> ProfileBody {
        match Profile::of(strictness) {
            Profile::Lenient => ProfileBody::Lenient,
            Profile::Standard => ProfileBody::Standard,
            Profile::StrictPartition => ProfileBody::StrictPartition,
            Profile::StrictTable => ProfileBody::StrictTable,
        }
    }
}

impl StrategyBody {
    fn strategy(&self) -> Result<Strategy, Error> {
        let kind = match &self.kind {
            None => None,
            Some(name) => Some(ConflictKind::parse(name).ok_or_else(|| Error::Name {
                what: "kind of conflict",
                name: name.clone(),
                rule: "one of those that docs/conflicts.md lists, such as ParamBoth",
            })?),
        };
        Ok(Strategy {
            kind,
            tables: self.tables.clone(),
            side: match self.side {
                SideBody::Ours => Side::Ours,
                SideBody::Theirs => Side::Theirs,
            },
        })
    }
}

impl WishesBody {
    /// Returns what was wished when an attempt began.
    pub(crate) fn of(attempt: &Attempt) -> Result<WishesBody, Error> {
        if attempt.options.is_empty() {
            return Ok(WishesBody::default());
        }
        serde_json::from_slice(&attempt.options)
            .map_err(|error| corrupt("options of a merge", &attempt.id, &error))
    }

    fn options(&self, kind: CommitKind, decisions: BTreeMap<ConflictId, Choice>) -> Result<Options, Error> {
        Ok(Options {
            profile: self.profile.map(ProfileBody::profile),
            strategies: self
                .strategies
                .iter()
                .map(StrategyBody::strategy)
                .collect::<Result<_, _>>()?,
            decisions,
            force_unsafe: self.force_unsafe,
            append_union: !self.no_append_union,
            is_pick: matches!(kind, CommitKind::Revert | CommitKind::CherryPick),
        })
    }

    /// Returns the resolver of these wishes and decisions, for what makes a commit of this kind.
    pub(crate) fn resolver(
        &self,
        api: &Api,
        (repository, kind): (&Repository, CommitKind),
        decisions: &BTreeMap<String, Decision>,
    ) -> Result<CatalogResolver, Error> {
        let mut choices = BTreeMap::new();
        for (id, decision) in decisions {
            let choice: ChoiceBody = serde_json::from_slice(&decision.choice)
                .map_err(|error| corrupt("decision of a conflict", id, &error))?;
            choices.extend(ConflictId::parse(id).map(|id| (id, choice.into())));
        }
        Ok(api
            .resolver
            .reading(repository)
            .with(self.options(kind, choices)?))
    }
}

fn corrupt(what: &'static str, key: &impl ToString, error: &serde_json::Error) -> Error {
    Error::Corrupt {
        what,
        key: key.to_string(),
        message: error.to_string(),
    }
}
