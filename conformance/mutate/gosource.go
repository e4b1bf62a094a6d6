package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
)

var goOperators = map[token.Token][]token.Token{
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.QUO},
	token.AND: {token.OR}, token.OR: {token.AND}, token.XOR: {token.AND}, token.SHL: {token.SHR}, token.SHR: {token.SHL},
	token.ADD_ASSIGN: {token.SUB_ASSIGN, token.ASSIGN}, token.SUB_ASSIGN: {token.ADD_ASSIGN, token.ASSIGN},
	token.OR_ASSIGN: {token.AND_ASSIGN}, token.AND_ASSIGN: {token.OR_ASSIGN},
	token.INC: {token.DEC}, token.DEC: {token.INC},
}

// goMutants lists the mutants of a Go file.
func goMutants(file string, source []byte) ([]mutant, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	g := goFile{source: source, at: func(p token.Pos) int { return fset.Position(p).Offset }}
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			g.function = d.Name.Name
			if d.Recv != nil {
				g.function = "(" + g.text(d.Recv.List[0].Type) + ")." + d.Name.Name
			}
			if d.Body != nil {
				ast.Inspect(d.Body, g.visit)
			}
		case *ast.GenDecl:
			g.function = ""
			if d.Tok == token.CONST || d.Tok == token.VAR {
				ast.Inspect(d, g.visit)
			}
		}
	}
	return finish(file, source, g.mutants), nil
}

type goFile struct {
	source   []byte
	at       func(token.Pos) int
	function string
	mutants  []mutant
}

func (g *goFile) text(n ast.Node) string { return string(g.source[g.at(n.Pos()):g.at(n.End())]) }

func (g *goFile) add(kind string, from, to token.Pos, text string) {
	g.mutants = append(g.mutants, mutant{Func: g.function, Kind: kind, Start: g.at(from), End: g.at(to), Text: text})
}

func (g *goFile) operator(kind string, at token.Pos, op token.Token) {
	for _, other := range goOperators[op] {
		g.add(kind, at, at+token.Pos(len(op.String())), other.String())
	}
}

func (g *goFile) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		g.operator("operator", n.OpPos, n.Op)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			g.add("negation", n.Pos(), n.X.Pos(), "")
		}
	case *ast.BasicLit:
		g.constant(n)
	case *ast.Ident:
		switch n.Name {
		case "true":
			g.add("constant", n.Pos(), n.End(), "false")
		case "false":
			g.add("constant", n.Pos(), n.End(), "true")
		case "BigEndian":
			g.add("byte order", n.Pos(), n.End(), "LittleEndian")
		}
	case *ast.IfStmt:
		g.condition(n.Cond, true)
	case *ast.ForStmt:
		if n.Cond != nil {
			g.condition(n.Cond, false)
		}
	case *ast.IncDecStmt:
		g.operator("operator", n.TokPos, n.Tok)
	case *ast.AssignStmt:
		g.operator("operator", n.TokPos, n.Tok)
	case *ast.CallExpr:
		for i := 1; i < len(n.Args); i++ {
			a, b := n.Args[i-1], n.Args[i]
			g.add("order of arguments", a.Pos(), b.End(), g.text(b)+string(g.source[g.at(a.End()):g.at(b.Pos())])+g.text(a))
		}
	case *ast.BlockStmt:
		g.statements(n.List)
	case *ast.CaseClause:
		g.statements(n.Body)
	case *ast.CommClause:
		g.statements(n.Body)
	}
	return true
}

// condition has a condition never hold, or always.
func (g *goFile) condition(cond ast.Expr, always bool) {
	g.add("condition", cond.Pos(), cond.End(), "false && ("+g.text(cond)+")")
	if always {
		g.add("condition", cond.Pos(), cond.End(), "true || ("+g.text(cond)+")")
	}
}

func (g *goFile) constant(n *ast.BasicLit) {
	value, err := strconv.ParseUint(n.Value, 0, 64)
	if n.Kind != token.INT || err != nil {
		return
	}
	g.add("constant", n.Pos(), n.End(), fmt.Sprint(value+1))
	if value > 0 {
		g.add("constant", n.Pos(), n.End(), fmt.Sprint(value-1))
	}
	if value > 1 {
		g.add("constant", n.Pos(), n.End(), "0")
	}
}

// statements drops each statement, and swaps those that follow one another.
func (g *goFile) statements(list []ast.Stmt) {
	for i, s := range list {
		if !plain(s) {
			continue
		}
		g.add("dropped statement", s.Pos(), s.End(), "")
		if i > 0 && plain(list[i-1]) {
			before := list[i-1]
			g.add("order of statements", before.Pos(), s.End(), g.text(s)+string(g.source[g.at(before.End()):g.at(s.Pos())])+g.text(before))
		}
	}
}

// plain tells whether a program may still compile without the statement.
func plain(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.AssignStmt:
		return s.Tok != token.DEFINE
	case *ast.BranchStmt:
		return s.Tok == token.BREAK || s.Tok == token.CONTINUE
	case *ast.ReturnStmt:
		return len(s.Results) == 0
	case *ast.ExprStmt, *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt:
		return true
	}
	return false
}
