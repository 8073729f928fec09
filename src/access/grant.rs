//! Grants: a role at one site or at every site, and what follows for a thing that lies at a site or at none.
//! Not here: who holds which grants.
//!
//! Three rules. A grant at a site reaches the things of that site alone. A thing of no site needs a grant everywhere,
//! since nothing says whose it is. What concerns the whole server ([`Permission::is_global`]) needs one too.

use std::collections::BTreeSet;

use super::{Permission, Role, allows};
use crate::base::SiteId;

/// A role, and where it is held.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Grant {
    pub role: Role,
    /// `None`: at every site, those to come too.
    pub site: Option<SiteId>,
}

/// Everything that one caller was granted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants(Vec<Grant>);

/// Where something is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Sites {
    /// Everywhere, also for things of no site.
    #[default]
    All,
    /// At these alone.
    Only(BTreeSet<SiteId>),
}

impl Sites {
    /// Whether a thing of `site` (`None`: of no site) lies within.
    #[must_use]
    pub fn contains(&self, site: Option<&SiteId>) -> bool {
        match self {
            Self::All => true,
            Self::Only(sites) => site.is_some_and(|site| sites.contains(site)),
        }
    }

    /// What lies in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, sites) | (sites, Self::All) => sites,
            (Self::Only(a), Self::Only(b)) => Self::Only(a.intersection(&b).cloned().collect()),
        }
    }
}

impl Grants {
    /// The most grants that one person may hold.
    pub const MOST: usize = 64;

    /// One role at `site`, or everywhere.
    #[must_use]
    pub fn one(role: Role, site: Option<SiteId>) -> Self {
        Self(vec![Grant { role, site }])
    }

    /// These, each once, in a fixed order.
    #[must_use]
    pub fn new(grants: impl IntoIterator<Item = Grant>) -> Self {
        Self(grants.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter()
    }

    /// Whether nothing was granted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where `permission` is held.
    #[must_use]
    pub fn sites(&self, permission: Permission) -> Sites {
        let mut sites = BTreeSet::new();
        for grant in self.0.iter().filter(|grant| allows(grant.role, permission)) {
            match &grant.site {
                None => return Sites::All,
                Some(_) if permission.is_global() => {}
                Some(site) => drop(sites.insert(site.clone())),
            }
        }
        Sites::Only(sites)
    }

    /// Whether `permission` is held for a thing of `site` (`None`: of no site).
    #[must_use]
    pub fn allows(&self, permission: Permission, site: Option<&SiteId>) -> bool {
        self.sites(permission).contains(site)
    }

    /// Whether `permission` is held at every site.
    #[must_use]
    pub fn everywhere(&self, permission: Permission) -> bool {
        self.allows(permission, None)
    }

    /// Whether `permission` is held at any site at all.
    #[must_use]
    pub fn somewhere(&self, permission: Permission) -> bool {
        self.sites(permission) != Sites::Only(BTreeSet::new())
    }

    /// Whether events of this kind may be told: kinds about people, tokens and the audit log are for administrators.
    #[must_use]
    pub fn may_see_event(&self, kind: &str, site: Option<&SiteId>) -> bool {
        let about_access = ["token.", "audit.", "person."].iter().any(|start| kind.starts_with(start));
        if about_access { self.everywhere(Permission::ReadAudit) } else { self.allows(Permission::Watch, site) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(text: &str) -> SiteId {
        text.parse().expect("a slug")
    }

    fn grants(list: &[(Role, &str)]) -> Grants {
        Grants::new(list.iter().map(|(role, at)| Grant { role: *role, site: (!at.is_empty()).then(|| site(at)) }))
    }

    fn check(list: &[(Role, &str)], permission: Permission, at_north: bool, at_south: bool, of_no_site: bool) {
        let grants = grants(list);
        let got = [Some(site("north")), Some(site("south")), None].map(|at| grants.allows(permission, at.as_ref()));
        assert_eq!(got, [at_north, at_south, of_no_site], "{list:?} {permission:?}");
        assert_eq!(grants.somewhere(permission), at_north || at_south || of_no_site, "{list:?} {permission:?}");
        assert_eq!(grants.everywhere(permission), of_no_site, "{list:?} {permission:?}");
    }

    #[test]
    fn a_role_reaches_its_own_site_and_what_has_none_needs_a_role_everywhere() {
        use Permission::{ActOnAlarms, ManageCameras, ManageTokens, ReadAudit, Watch};
        use Role::{Admin, Integrator, Operator, Viewer};
        for (list, permission, north, south, none) in [
            (&[][..], Watch, false, false, false),
            (&[(Viewer, "")], Watch, true, true, true),
            (&[(Viewer, "")], ActOnAlarms, false, false, false),
            (&[(Viewer, "north")], Watch, true, false, false),
            (&[(Operator, "north")], ActOnAlarms, true, false, false),
            (&[(Operator, "north")], ManageCameras, false, false, false),
            (&[(Viewer, ""), (Operator, "south")], Watch, true, true, true),
            (&[(Viewer, ""), (Operator, "south")], ActOnAlarms, false, true, false),
            (&[(Operator, "north"), (Integrator, "south")], ActOnAlarms, true, true, false),
            (&[(Operator, "north"), (Integrator, "south")], ManageCameras, false, true, false),
            (&[(Admin, "north")], ManageCameras, true, false, false),
            // What concerns the whole server is nobody's who is not granted everywhere.
            (&[(Admin, "north"), (Admin, "south")], ManageTokens, false, false, false),
            (&[(Admin, "north")], ReadAudit, false, false, false),
            (&[(Admin, "")], ReadAudit, true, true, true),
        ] {
            check(list, permission, north, south, none);
        }
    }

    #[test]
    fn events_are_told_where_their_things_are_seen() {
        use Role::{Admin, Integrator, Viewer};
        for (list, kind, at, seen) in [
            (&[(Viewer, "")][..], "alarm.raised", "", true),
            (&[(Viewer, "")], "alarm.raised", "north", true),
            (&[(Viewer, "north")], "alarm.raised", "north", true),
            (&[(Viewer, "north")], "alarm.raised", "south", false),
            (&[(Viewer, "north")], "alarm.raised", "", false),
            (&[(Integrator, "")], "token.created", "", false),
            (&[(Integrator, "")], "person.changed", "", false),
            (&[(Admin, "north")], "token.created", "north", false),
            (&[(Admin, "")], "token.created", "", true),
        ] {
            let at = (!at.is_empty()).then(|| site(at));
            assert_eq!(grants(list).may_see_event(kind, at.as_ref()), seen, "{list:?} {kind} {at:?}");
        }
    }

    #[test]
    fn two_sets_of_sites_have_what_both_have() {
        let only = |sites: &[&str]| Sites::Only(sites.iter().map(|s| site(s)).collect());
        for (a, b, both) in [
            (Sites::All, Sites::All, Sites::All),
            (Sites::All, only(&["north"]), only(&["north"])),
            (only(&["north"]), Sites::All, only(&["north"])),
            (only(&["north", "south"]), only(&["south", "west"]), only(&["south"])),
            (only(&["north"]), only(&["south"]), only(&[])),
        ] {
            assert_eq!(a.clone().and(b.clone()), both, "{a:?} {b:?}");
        }
    }
}
