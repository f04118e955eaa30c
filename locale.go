package embeddedpg

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"nself.org/embeddedpg/internal/cluster"
)

// completeLocale fills in the provider and the locale of a new cluster, or says what is wrong with them.
func (c *Config) completeLocale() error {
	fill(&c.LocaleProvider, cluster.ProviderBuiltin)
	switch c.LocaleProvider {
	case cluster.ProviderBuiltin:
		fill(&c.Locale, cluster.DefaultLocale)
		if !slices.Contains(cluster.BuiltinLocales, c.Locale) {
			return &Error{
				Op: "use Config.Locale", Err: fmt.Errorf("the provider builtin has no locale %q", c.Locale),
				Hint: "use one of " + strings.Join(cluster.BuiltinLocales, ", ") + ", or the LocaleProvider icu for those of languages",
			}
		}
	case cluster.ProviderICU:
		if c.Locale == "" || strings.ContainsFunc(c.Locale, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsSpace(r) || r < ' ' }) {
			return &Error{Op: "use Config.Locale", Err: fmt.Errorf("%q is no locale of ICU's", c.Locale), Hint: `use the tag of a language, such as "de" or "en-US", or "und"`}
		}
	default:
		err := errors.New("it is neither builtin nor icu")
		if c.LocaleProvider == "libc" {
			err = errors.New("of libc's locales there is only C")
		}
		return &Error{Op: "use Config.LocaleProvider", Path: c.LocaleProvider, Err: err, Hint: `use "icu" with the language as Locale: "en-US" for en_US.UTF-8`}
	}
	return nil
}
