package kb

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/sportello/sportello/ticketing"
)

// Problem is a file that was left out, and why; the sentence says what to change.
type Problem struct {
	Path string
	Err  error
}

func (p Problem) Error() string { return p.Path + ": " + p.Err.Error() }

func (p Problem) Unwrap() error { return p.Err }

// ReadDir reads every *.md file of a folder and the folders below it, hidden ones left out, in the order of their names. Files that are no
// articles, and the second of two with the same slug and language, become problems; the others are returned all the same. Whether an
// article is new, changed or the same as before is told by its Hash.
func ReadDir(dir fs.FS) ([]ticketing.Article, []Problem) {
	var articles []ticketing.Article
	var problems []Problem
	first := make(map[[2]string]string)
	visit := func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			problems = append(problems, Problem{name, err})
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if base := path.Base(name); name != "." && strings.HasPrefix(base, ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || !strings.EqualFold(path.Ext(name), ".md") {
			return nil
		}
		a, err := readArticle(dir, name)
		if err != nil {
			problems = append(problems, Problem{name, err})
			return nil
		}
		key := [2]string{a.Language, a.Slug}
		if other, ok := first[key]; ok {
			problems = append(problems, Problem{name, fmt.Errorf("slug %s in language %s is taken by %s; choose another", a.Slug, a.Language, other)})
			return nil
		}
		first[key] = name
		articles = append(articles, a)
		return nil
	}
	if err := fs.WalkDir(dir, ".", visit); err != nil {
		problems = append(problems, Problem{".", err})
	}
	return articles, problems
}

func readArticle(dir fs.FS, name string) (ticketing.Article, error) {
	info, err := fs.Stat(dir, name)
	if err != nil {
		return ticketing.Article{}, err
	}
	if !info.Mode().IsRegular() {
		return ticketing.Article{}, errors.New("not a regular file; replace it by one")
	}
	if info.Size() > ticketing.MaxArticleBytes {
		return ticketing.Article{}, fmt.Errorf("%d bytes; cut it to at most %d", info.Size(), ticketing.MaxArticleBytes)
	}
	raw, err := fs.ReadFile(dir, name)
	if err != nil {
		return ticketing.Article{}, err
	}
	return ticketing.ParseArticle(raw)
}
