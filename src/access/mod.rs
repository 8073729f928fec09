//! Who may do what: roles, permissions, tokens. Not here: HTTP.
