"""Error reports to Sentry, GlitchTip or what else takes its protocol, if EVERGREEN_SENTRY_DSN names one."""
