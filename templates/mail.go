package templates

import (
	"bytes"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	texttemplate "text/template"
	"time"
)

// MaxHTML is the largest HTML of a letter in bytes (rule M35). A longer one is left out: the text says the same.
const MaxHTML = 50 << 10

// Mail is a letter in words: what compose turns into MIME.
type Mail struct {
	Kind    Kind
	Lang    string // value of Content-Language, also when both languages are inside: Italian comes first then
	Subject string
	Text    string // lines end in LF, the last one too
	HTML    string // says the same; empty when it would pass MaxHTML
	// AutoSubmitted is the value of that header, empty when a person wrote the letter.
	AutoSubmitted string
}

// letter is one kind of letter in one language.
type letter struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

type section struct {
	Lang, Title string
	Body        htmltemplate.HTML
	Follow, URL string
	text        string
}

type link struct{ URL, Words string }

// parts that the text of each letter must define.
var textParts = []string{"subject", "title", "preheader", "body"}

func (s *Set) loadMails(fsys fs.FS) error {
	layout, err := htmltemplate.ParseFS(fsys, "mail/layout.html.tmpl")
	if err != nil {
		return err
	}
	s.frame = layout.Option("missingkey=error")
	s.mails = map[string]map[Kind]*letter{}
	var problems []error
	for _, lang := range Languages() {
		s.mails[lang] = map[Kind]*letter{}
		for _, kind := range Kinds() {
			l, err := s.loadLetter(fsys, lang, kind)
			if err != nil {
				problems = append(problems, fmt.Errorf("letter %s in %s: %w", kind, lang, err))
				continue
			}
			s.mails[lang][kind] = l
		}
		names, err := fs.Glob(fsys, "mail/"+lang+"/*")
		if err != nil {
			return err
		}
		for _, name := range names {
			kind, ending, _ := strings.Cut(path.Base(name), ".")
			if !slices.Contains(Kinds(), Kind(kind)) || ending != "txt.tmpl" && ending != "html.tmpl" {
				problems = append(problems, fmt.Errorf("%s: belongs to no kind of letter", name))
			}
		}
	}
	return errors.Join(problems...)
}

func (s *Set) loadLetter(fsys fs.FS, lang string, kind Kind) (*letter, error) {
	funcs := map[string]any{
		"when":  func(t time.Time) string { return s.When(lang, t) },
		"day":   func(t time.Time) string { return s.Day(lang, t) },
		"hours": func(h Hours) string { return s.HoursSentence(lang, h) },
		"foreign": func(language string) string {
			if key := "article.language." + language; language != lang && s.Has(key) {
				return s.T(lang, key, nil)
			}
			return ""
		},
		"words": wordsHTML,
	}
	base := "mail/" + lang + "/" + string(kind)
	text, err := texttemplate.New("").Funcs(funcs).ParseFS(fsys, base+".txt.tmpl")
	if err != nil {
		return nil, err
	}
	html, err := htmltemplate.New("").Funcs(funcs).ParseFS(fsys, base+".html.tmpl")
	if err != nil {
		return nil, err
	}
	for _, part := range textParts {
		if text.Lookup(part) == nil {
			return nil, fmt.Errorf("the text defines no %q", part)
		}
	}
	if html.Lookup("body") == nil {
		return nil, errors.New(`the HTML defines no "body"`)
	}
	if err := lint(kind, text, html); err != nil {
		return nil, err
	}
	return &letter{text, html}, nil
}

// Mail says the facts in a language, or in both (rule E3; a letter with an agent's words is then in Italian only). Its errors mean a fault in the program, never in the facts.
func (s *Set) Mail(lang string, facts Facts) (Mail, error) {
	langs := []string{lang}
	switch lang {
	case Both:
		// An agent's words would only stand there twice.
		if langs = Languages(); facts.AutoSubmitted() == "" {
			langs = langs[:1]
		}
	case Italian, English:
	default:
		return Mail{}, fmt.Errorf("no letters in language %q: use it, en or it+en", lang)
	}
	common := facts.common()
	mail := Mail{Kind: facts.Kind(), Lang: langs[0], AutoSubmitted: facts.AutoSubmitted()}
	var sections []section
	var subjects, preheaders []string
	for _, lang := range langs {
		l := s.mails[lang][facts.Kind()]
		parts := map[string]string{}
		for _, name := range textParts {
			var b strings.Builder
			if err := l.text.ExecuteTemplate(&b, name, facts); err != nil {
				return Mail{}, err
			}
			parts[name] = strings.Trim(b.String(), "\n")
		}
		var body bytes.Buffer
		if err := l.html.ExecuteTemplate(&body, "body", facts); err != nil {
			return Mail{}, err
		}
		sec := section{Lang: lang, Title: parts["title"], Body: htmltemplate.HTML(body.String()), text: parts["body"]}
		if common.URL != "" {
			sec.URL, sec.Follow = common.URL, s.T(lang, "mail.follow", map[string]any{"number": common.Number})
		}
		sections = append(sections, sec)
		subjects = append(subjects, strings.Join(strings.Fields(parts["subject"]), " "))
		if parts["preheader"] != "" {
			preheaders = append(preheaders, parts["preheader"])
		}
	}
	mail.Subject = strings.Join(subjects, " / ")
	if common.Tag {
		mail.Subject = "[#" + strconv.FormatInt(common.Number, 10) + "] " + mail.Subject
	}
	footer, privacy := s.footer(langs[0], common)
	mail.Text = textOf(mail.Kind, sections, footer, privacy)

	var b strings.Builder
	err := s.frame.Execute(&b, struct {
		Lang, Subject, Preheader string
		Sections                 []section
		Footer                   []string
		Privacy                  *link
	}{mail.Lang, mail.Subject, strings.Join(preheaders, " "), sections, footer, privacy})
	if err != nil {
		return Mail{}, err
	}
	if b.Len() <= MaxHTML {
		mail.HTML = b.String()
	}
	return mail, nil
}

// footer returns the lines below every letter and the link to the privacy notice, nil if there is none.
func (s *Set) footer(lang string, c Common) ([]string, *link) {
	lines := []string{c.Brand}
	if c.Company != "" {
		lines = append(lines, c.Company)
	}
	if c.Help != "" {
		lines = append(lines, s.T(lang, "mail.help", map[string]any{"help": c.Help}))
	}
	if c.Privacy == "" {
		return lines, nil
	}
	return lines, &link{URL: c.Privacy, Words: s.T(lang, "mail.privacy", nil)}
}

// textOf puts the text of a letter together. An agent's letter begins with the agent's words, so that lists of mails show them; its
// title stands below the signature mark "-- ", which mail clients leave out when they quote.
func textOf(kind Kind, sections []section, footer []string, privacy *link) string {
	var b strings.Builder
	for i, sec := range sections {
		if i > 0 {
			b.WriteString("\n----------------------------------------\n\n")
		}
		if kind != KindAnswer {
			b.WriteString(sec.Title + "\n\n")
		}
		b.WriteString(sec.text + "\n")
		if sec.Follow != "" {
			b.WriteString("\n" + sec.Follow + ": " + sec.URL + "\n")
		}
	}
	b.WriteString("\n-- \n")
	if kind == KindAnswer {
		b.WriteString(sections[0].Title + "\n")
	}
	for _, line := range footer {
		b.WriteString(line + "\n")
	}
	if privacy != nil {
		b.WriteString(privacy.Words + ": " + privacy.URL + "\n")
	}
	return b.String()
}
