#pragma once
// Markdown as HTML that carries nothing foreign: every tag is ours, raw HTML of the source stays
// text, links are http and https only, images become their words. Pure; any thread.

#include <QString>

namespace ui {

/// `hardBreaks`: every line feed breaks the line (what people type).
QString markdownToHtml(QStringView text, bool hardBreaks);

} // namespace ui
