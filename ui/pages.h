#pragma once
// The pages of the window in one table: a row in pages.cpp is all it takes to add one. The rail,
// the window's stack, the keys and `inglenook --list-ui` read it. GUI thread.

#include <QKeySequence>
#include <QList>
#include <QString>

class QWidget;

namespace app {
class Application;
}

namespace ui {

class Theme;

/// In the order of the rail. A page without a row in the table does not exist yet.
enum class PageId { Chat, Agents, Models, Dashboard, Requests, Server, Settings };

/// What a page is made from.
struct PageContext {
    app::Application& application;
    Theme& theme;
    QString dataDir;
};

struct PageSpec {
    PageId id;
    QString key;   ///< stable name, e.g. "settings"
    QString title; ///< translated
    QString icon;
    QKeySequence shortcut;
    QWidget* (*make)(const PageContext& context); ///< called when the page is first shown
};

/// Every page there is, in the order of the rail; the last one sits at its bottom.
QList<PageSpec> pageSpecs();

} // namespace ui
