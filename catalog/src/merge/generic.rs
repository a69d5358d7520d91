//! The rule under all others: what one side left alone is the other's to say.

use super::conflict::{Choices, ConflictKind, Report, Scope, Subject, Texts};
use super::options::Expected;
use super::report::Pick;

/// Three versions of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Three<T> {
    pub(crate) base: T,
    pub(crate) ours: T,
    pub(crate) theirs: T,
}

impl<T> Three<T> {
    pub(crate) fn new(base: T, ours: T, theirs: T) -> Three<T> {
        Three { base, ours, theirs }
    }

    pub(crate) fn as_ref(&self) -> Three<&T> {
        Three::new(&self.base, &self.ours, &self.theirs)
    }

    pub(crate) fn map<U>(self, mut f: impl FnMut(T) -> U) -> Three<U> {
        Three::new(f(self.base), f(self.ours), f(self.theirs))
    }
}

/// One of the three versions of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Whose {
    Base,
    Ours,
    Theirs,
}

impl<T> Three<T> {
    /// Returns one of the versions.
    pub(crate) fn take(self, whose: Whose) -> T {
        match whose {
            Whose::Base => self.base,
            Whose::Ours => self.ours,
            Whose::Theirs => self.theirs,
        }
    }
}

impl<T: PartialEq> Three<T> {
    pub(crate) fn ours_changed(&self) -> bool {
        self.ours != self.base
    }

    pub(crate) fn theirs_changed(&self) -> bool {
        self.theirs != self.base
    }

    /// Returns the value that nobody disputes: one side left it alone, or both did the same.
    pub(crate) fn settled(self) -> Option<T> {
        if !self.theirs_changed() || self.ours == self.theirs {
            Some(self.ours)
        } else if !self.ours_changed() {
            Some(self.theirs)
        } else {
            None
        }
    }
}

impl<T: PartialEq + Clone> Three<&T> {
    /// Returns the value that nobody disputes, else what was decided, else ours and a conflict.
    pub(crate) fn or_conflict(
        self,
        at: (&Scope, ConflictKind, Subject),
        text: impl Fn(&T) -> Option<String>,
        report: &mut Report,
    ) -> T {
        match self.settled() {
            Some(settled) => settled.clone(),
            None => report.decide(at, self.texts(text), Choices::ANY).of(self).clone(),
        }
    }

    fn texts(self, text: impl Fn(&T) -> Option<String>) -> Texts {
        let texts = self.map(text);
        Texts::of(
            texts.base.as_deref(),
            texts.ours.as_deref(),
            texts.theirs.as_deref(),
        )
    }
}

impl Three<&Option<String>> {
    /// As [`Three::or_conflict`], of a text, instead of which another one may be decided on.
    pub(crate) fn text_or_conflict(
        self,
        at: (&Scope, ConflictKind, Subject),
        report: &mut Report,
    ) -> Option<String> {
        if let Some(settled) = self.settled() {
            return settled.clone();
        }
        let choices = Choices::ANY.or(Expected::Text);
        match report.decide(at, self.texts(Option::clone), choices) {
            Pick::Value(text) => Some(text),
            pick => pick.of(self).clone(),
        }
    }
}

impl<T: Ord + Clone> Three<&Option<T>> {
    /// Returns the value that nobody disputes, else the greater: for what is no more than a trace.
    pub(crate) fn or_greater(self) -> Option<T> {
        self.settled()
            .unwrap_or_else(|| self.ours.max(self.theirs))
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_left_alone_is_the_others_to_say() {
        for (base, ours, theirs, expected) in [
            (0, 0, 0, Some(0)),
            (0, 0, 1, Some(1)),
            (0, 1, 0, Some(1)),
            (0, 1, 1, Some(1)),
            (0, 1, 2, None),
        ] {
            assert_eq!(
                Three::new(base, ours, theirs).settled(),
                expected,
                "{base} {ours} {theirs}"
            );
        }
        let (none, low, high) = (None, Some(1), Some(2));
        assert_eq!(Three::new(&none, &low, &high).or_greater(), high);
        assert_eq!(Three::new(&low, &none, &high).or_greater(), high);
        assert_eq!(Three::new(&low, &none, &low).or_greater(), none);
    }
}
