package telegram

// Pieces is pieces, for its property test.
var Pieces = pieces
