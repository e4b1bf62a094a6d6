package catalog_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/pyproctest/pyproctest/conformance/catalog"
	"github.com/pyproctest/pyproctest/conformance/spec"
	"github.com/stretchr/testify/require"
)

func TestCasesCiteClausesOfTheirRole(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, c := range catalog.Cases() {
		where := fmt.Sprintf("%s case %s", c.Role, c.Name)
		require.Regexp(t, kebab, c.Name)
		require.NotEmpty(t, c.Clauses, where)
		require.Regexp(t, "^[A-Z0-9`\"].*[a-z0-9`].* .*\\.$", c.Cause, "%s says in a sentence what usually causes a failure", where)
		require.NotContains(t, c.Cause, "\n", where)
		for _, name := range c.Clauses {
			clause, ok := spec.LookUp(name)
			require.True(t, ok, "%s cites %s, which is no clause", where, name)
			require.True(t, clause.Binds(c.Role), "%s cites %s, which binds %v", where, name, clause.Roles)
			require.Empty(t, clause.Untestable, "%s cites %s, which is said to be untestable", where, name)
		}
		id := string(c.Role) + "/" + c.ID("")
		require.False(t, seen[id], "%s is there twice", id)
		seen[id] = true
	}
}

// Every clause is covered for each role that it binds, or says why it cannot be. This names those that
// are not.
func TestEveryClauseIsCovered(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range catalog.Cases() {
		for _, name := range c.Clauses {
			covered[string(c.Role)+" "+name] = true
		}
	}
	var missing []string
	for _, c := range spec.Clauses() {
		for _, role := range c.Roles {
			if c.Untestable == "" && !covered[string(role)+" "+c.Name] {
				missing = append(missing, fmt.Sprintf("%s (%s, %s)", c.Name, c.Level, role))
			}
		}
	}
	require.Empty(t, missing, "no case covers\n%s", strings.Join(missing, "\n"))
}
