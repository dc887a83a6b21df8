use axum::http::StatusCode;

/// Every `error.code` of the API. Each has a section in `docs/errors/README.md` (a test holds them equal).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is told in docs/errors
pub(crate) enum Code {
    Validation,
    Pql,
    Unauthorized,
    Forbidden,
    NotFound,
    Conflict,
    InvalidState,
    LeaseRequired,
    LeaseExpired,
    PayloadTooLarge,
    RateLimit,
    Unavailable,
    Internal,
}

impl Code {
    /// Every code, in the order of the documentation.
    pub(crate) const ALL: [Self; 13] = [
        Self::Validation,
        Self::Pql,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::InvalidState,
        Self::LeaseRequired,
        Self::LeaseExpired,
        Self::PayloadTooLarge,
        Self::RateLimit,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The word on the wire.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "ERR_VALIDATION",
            Self::Pql => "ERR_PQL",
            Self::Unauthorized => "ERR_UNAUTHORIZED",
            Self::Forbidden => "ERR_FORBIDDEN",
            Self::NotFound => "ERR_NOT_FOUND",
            Self::Conflict => "ERR_CONFLICT",
            Self::InvalidState => "ERR_INVALID_STATE",
            Self::LeaseRequired => "ERR_LEASE_REQUIRED",
            Self::LeaseExpired => "ERR_LEASE_EXPIRED",
            Self::PayloadTooLarge => "ERR_PAYLOAD_TOO_LARGE",
            Self::RateLimit => "ERR_RATE_LIMIT",
            Self::Unavailable => "ERR_UNAVAILABLE",
            Self::Internal => "ERR_INTERNAL",
        }
    }

    /// The code with that word.
    #[must_use]
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }

    /// The HTTP status it goes with (415 and 405 are the two exceptions, both [`Code::Validation`]).
    #[must_use]
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Validation | Self::Pql => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict | Self::InvalidState => StatusCode::CONFLICT,
            Self::LeaseRequired | Self::LeaseExpired => StatusCode::LOCKED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RateLimit => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the command line exits with after this error.
    #[must_use]
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::NotFound => 3,
            Self::Conflict | Self::InvalidState | Self::LeaseRequired | Self::LeaseExpired => 4,
            Self::Unauthorized | Self::Forbidden => 5,
            Self::RateLimit => 6,
            Self::Unavailable => 7,
            Self::Validation | Self::Pql | Self::PayloadTooLarge => 8,
        }
    }

    /// Whether the same request may succeed later without anybody changing it.
    #[must_use]
    pub(crate) const fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimit | Self::Unavailable)
    }
}
