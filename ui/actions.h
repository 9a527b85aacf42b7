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
    ShowChat,
    ShowSettings,
    ShowShortcuts,
    ZoomIn,
    ZoomOut,
    ZoomReset,
    Quit,
};

struct ActionSpec {
    ActionId id;
    QString key;  ///< stable name, e.g. "new-chat"
    QString text; ///< translated
    QList<QKeySequence> shortcuts;
};

/// All actions, in the order of the shortcut list.
QList<ActionSpec> actionSpecs();
ActionSpec actionSpec(ActionId id);
/// A QAction with the text and keys of `id`.
QAction* makeAction(ActionId id, QObject* parent);
/// "Text (Ctrl+N)" for tool tips.
QString actionToolTip(ActionId id);

/// A page of the rail.
struct PageSpec {
    QString key;   ///< "chat", "settings"
    QString title; ///< translated
    QString icon;
};
QList<PageSpec> pageSpecs();

/// What `inglenook --list-ui --json` prints: pages and actions.
QByteArray describeUi();

} // namespace ui
