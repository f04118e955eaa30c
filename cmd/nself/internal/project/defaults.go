package project

// defaults are the values of variables that are not set, after nself's documentation. Versions of images are
// internal/compose's.
var defaults = map[string]string{
	"BASE_DOMAIN": "local.nself.org",

	"POSTGRES_USER":            "postgres",
	"POSTGRES_DB":              "postgres",
	"POSTGRES_PORT":            "5432",
	"POSTGRES_MAX_CONNECTIONS": "200",
	"POSTGRES_SESSION_MEMORY":  "2560MB",

	"HASURA_PORT":                     "8080",
	"HASURA_ROUTE":                    "api",
	"HASURA_JWT_TYPE":                 "HS256",
	"HASURA_GRAPHQL_ENABLE_CONSOLE":   "false",
	"HASURA_GRAPHQL_DEV_MODE":         "false",
	"HASURA_GRAPHQL_ENABLE_TELEMETRY": "false",
	"AUTH_PORT":                       "4000",
	"AUTH_ROUTE":                      "auth",
	"AUTH_CLIENT_URL":                 "http://localhost:3000",
	"AUTH_ACCESS_TOKEN_EXPIRES_IN":    "900",
	"AUTH_REFRESH_TOKEN_EXPIRES_IN":   "2592000",
	"AUTH_SMTP_HOST":                  "mailpit",
	"AUTH_SMTP_PORT":                  "1025",
	"AUTH_SMTP_SENDER":                "noreply@local.nself.org",
	"AUTH_SMTP_SECURE":                "false",
	"NGINX_HTTP_PORT":                 "80",
	"NGINX_HTTPS_PORT":                "443",
	"SSL_MODE":                        "local",
	"NSELF_DB_ROUTE":                  "auto",
}
