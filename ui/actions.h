#pragma once
// Every action of the desktop with its name and keys, in one table: menus, the shortcut list and
// `inglenook --list-ui` read it. GUI thread.

#include <QAction>
#include <QKeySequence>
#include <QList>
#include <QString>

namespace ui {

enum class ActionId {
    NewChat,
    NewTab,
    CloseTab,
    ReopenTab,
    NextTab,
    PreviousTab,
    SearchChats,
    FindInChat,
    StopAnswer,
    Regenerate,
    CopyLastAnswer,
    FocusInput,
    ChooseModel,
    OpenModelFile,
    OpenModelFolder,
    UnloadModel,
    ToggleSidebar,
    ShowPage, ///< one for each page of the table
    ShowShortcuts,
    ZoomIn,
    ZoomOut,
    ZoomReset,
    Quit,
};

struct ActionSpec {
    ActionId id;
    QString key;  ///< stable name, e.g. "new-chat"; of a page "show-" and the page's key
    QString text; ///< translated
    QList<QKeySequence> shortcuts;
};

/// All actions, in the order of the shortcut list.
QList<ActionSpec> actionSpecs();
ActionSpec actionSpec(ActionId id);
/// A QAction with the text and keys of `spec`.
QAction* makeAction(const ActionSpec& spec, QObject* parent);
/// "Text (Ctrl+N)" for tool tips.
QString actionToolTip(ActionId id);

/// What `inglenook --list-ui --json` prints: pages, actions and settings.
QByteArray describeUi();

} // namespace ui
