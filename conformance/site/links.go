package main

import (
	"bytes"
	"fmt"
	"net/url"
	"path"
	"strings"

	"golang.org/x/net/html"
)

// brokenLinks returns the links and other references within the site that lead to no file, or to no element of one, and the
// IDs that two elements of a page share. Links to other places are not followed: they are checked only to be https.
func brokenLinks(files map[string][]byte) []string {
	ids, links := map[string]map[string]bool{}, map[string][]string{}
	var broken []string
	for _, name := range names(files) {
		if path.Ext(name) != ".html" {
			continue
		}
		ids[name] = map[string]bool{}
		for tokens := html.NewTokenizer(bytes.NewReader(files[name])); tokens.Next() != html.ErrorToken; {
			for _, a := range tokens.Token().Attr {
				switch a.Key {
				case "id":
					if ids[name][a.Val] {
						broken = append(broken, fmt.Sprintf("%s: two elements have the ID %s", name, a.Val))
					}
					ids[name][a.Val] = true
				case "href", "src":
					links[name] = append(links[name], a.Val)
				}
			}
		}
	}
	for _, name := range names(files) {
		for _, link := range links[name] {
			to, err := url.Parse(link)
			switch {
			case err != nil:
				broken = append(broken, fmt.Sprintf("%s: %q: %v", name, link, err))
				continue
			case to.Scheme == "https" && to.Host != "":
				continue
			case to.Scheme != "" || to.Host != "" || strings.HasPrefix(link, "/"):
				broken = append(broken, fmt.Sprintf("%s: %q is neither within the site nor https", name, link))
				continue
			}
			target := name
			if to.Path != "" {
				target = path.Join(path.Dir(name), to.Path)
				if strings.HasSuffix(to.Path, "/") {
					target = path.Join(target, "index.html")
				}
			}
			_, there := files[target]
			if !there || to.Fragment != "" && !ids[target][to.Fragment] {
				broken = append(broken, fmt.Sprintf("%s: %q leads to nothing", name, link))
			}
		}
	}
	return broken
}
