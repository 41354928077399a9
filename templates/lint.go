package templates

import (
	"fmt"
	htmltemplate "html/template"
	"reflect"
	"slices"
	texttemplate "text/template"
	"text/template/parse"
)

// Where a value may come from. Only originSender is dangerous: a letter that leaves by itself and repeats it is a mail bomb with the
// sender's own words (security rule S11).
var origins = []string{"desk", "number", "hours", "clock", "article", "link", "code", "agent", originSender}

const originSender = "sender"

// zeroFacts is one value of each kind, to learn its fields.
func zeroFacts(kind Kind) Facts {
	for _, f := range []Facts{Received{}, Offer{}, Opened{}, Answer{}, Pending{}, Reminder{}, Resolved{}, Reopened{}, Followup{},
		ArticleSolved{}} {
		if f.Kind() == kind {
			return f
		}
	}
	return nil
}

// lint fails when a template of a kind uses a field that the kind's facts do not have, or, unless an agent writes the kind, one whose
// value the sender typed.
func lint(kind Kind, text *texttemplate.Template, html *htmltemplate.Template) error {
	facts := zeroFacts(kind)
	if facts == nil {
		return fmt.Errorf("kind %q has no facts", kind)
	}
	fields := map[string]string{}
	if err := fieldOrigins(reflect.TypeOf(facts), fields); err != nil {
		return err
	}
	if kind != KindAnswer {
		for name, origin := range fields {
			if origin == originSender {
				return fmt.Errorf("field %s of %s letters holds what the sender typed; only answers may (S11)", name, kind)
			}
		}
	}
	var trees []*parse.Tree
	for _, t := range text.Templates() {
		trees = append(trees, t.Tree)
	}
	for _, t := range html.Templates() {
		trees = append(trees, t.Tree)
	}
	for _, tree := range trees {
		if tree == nil || tree.Root == nil {
			continue
		}
		for _, name := range usedFields(tree.Root, nil) {
			if _, known := fields[name]; !known && name != "IsZero" {
				return fmt.Errorf("field %s is not one of the facts of %s letters (S11)", name, kind)
			}
		}
	}
	return nil
}

// fieldOrigins collects the names of all fields below t with their origin. A field without a known origin is an error.
func fieldOrigins(t reflect.Type, into map[string]string) error {
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.Anonymous {
			origin := field.Tag.Get("origin")
			if !slices.Contains(origins, origin) {
				return fmt.Errorf("field %s.%s: origin %q is none of %v", t.Name(), field.Name, origin, origins)
			}
			into[field.Name] = origin
		}
		inner := field.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner.PkgPath() == t.PkgPath() {
			if err := fieldOrigins(inner, into); err != nil {
				return err
			}
		}
	}
	return nil
}

// usedFields lists every identifier that stands behind a dot anywhere below node.
func usedFields(node parse.Node, names []string) []string {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, child := range n.Nodes {
				names = usedFields(child, names)
			}
		}
	case *parse.ActionNode:
		names = usedFields(n.Pipe, names)
	case *parse.TemplateNode:
		names = usedFields(n.Pipe, names)
	case *parse.IfNode:
		names = branchFields(n.BranchNode, names)
	case *parse.RangeNode:
		names = branchFields(n.BranchNode, names)
	case *parse.WithNode:
		names = branchFields(n.BranchNode, names)
	case *parse.PipeNode:
		if n != nil {
			for _, cmd := range n.Cmds {
				for _, arg := range cmd.Args {
					names = usedFields(arg, names)
				}
			}
		}
	case *parse.FieldNode:
		names = append(names, n.Ident...)
	case *parse.VariableNode:
		names = append(names, n.Ident[1:]...)
	case *parse.ChainNode:
		names = usedFields(n.Node, append(names, n.Field...))
	}
	return names
}

func branchFields(n parse.BranchNode, names []string) []string {
	return usedFields(n.ElseList, usedFields(n.List, usedFields(n.Pipe, names)))
}
