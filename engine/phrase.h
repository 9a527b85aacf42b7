#pragma once
// PHRASE: words of a sentence that a Status carries as an argument and that are no data, such as
// "is missing". Like the sentences of status_codes.inc they are the keys of their translations,
// which app/messages looks up; lupdate reads PHRASE as QT_TRANSLATE_NOOP.
#define PHRASE(context, text) text
