#include "ui/actions.h"

#include "app/settings_table.h"
#include "ui/pages.h"

#include <QCoreApplication>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

namespace ui {

namespace {

// A tr() for free functions whose context lupdate understands.
struct Actions {
    Q_DECLARE_TR_FUNCTIONS(ui::Actions)
};

} // namespace

QList<ActionSpec> actionSpecs() {
    const auto key = [](const char* text) { return QKeySequence(QString::fromLatin1(text)); };
    const auto spec = [](ActionId id, const char* name, const QString& text,
                         QList<QKeySequence> keys) {
        return ActionSpec{id, QString::fromLatin1(name), text, std::move(keys)};
    };
    QList<ActionSpec> specs = {
        spec(ActionId::NewChat, "new-chat", Actions::tr("New chat"), {key("Ctrl+N")}),
        spec(ActionId::NewTab, "new-tab", Actions::tr("New tab"), {key("Ctrl+T")}),
        spec(ActionId::CloseTab, "close-tab", Actions::tr("Close the tab"), {key("Ctrl+W")}),
        spec(ActionId::ReopenTab, "reopen-tab", Actions::tr("Open the closed tab again"),
             {key("Ctrl+Shift+T")}),
        spec(ActionId::NextTab, "next-tab", Actions::tr("Next tab"),
             {key("Ctrl+Tab"), key("Ctrl+PgDown")}),
        spec(ActionId::PreviousTab, "previous-tab", Actions::tr("Previous tab"),
             {key("Ctrl+Shift+Tab"), key("Ctrl+PgUp")}),
        spec(ActionId::SearchChats, "search-chats", Actions::tr("Search all chats"),
             {key("Ctrl+K"), key("Ctrl+Shift+F")}),
        spec(ActionId::FindInChat, "find-in-chat", Actions::tr("Find in this chat"),
             {key("Ctrl+F")}),
        spec(ActionId::StopAnswer, "stop-answer", Actions::tr("Stop the answer"), {key("Esc")}),
        spec(ActionId::Regenerate, "regenerate", Actions::tr("Regenerate the last answer"),
             {key("Ctrl+R")}),
        spec(ActionId::CopyLastAnswer, "copy-last-answer", Actions::tr("Copy the last answer"),
             {key("Ctrl+Shift+C")}),
        spec(ActionId::FocusInput, "focus-input", Actions::tr("Go to the input"),
             {key("Shift+Esc")}),
        spec(ActionId::ChooseModel, "choose-model", Actions::tr("Choose a model"),
             {key("Ctrl+L"), key("Ctrl+Shift+M")}),
        spec(ActionId::OpenModelFile, "open-model-file", Actions::tr("Open file…"),
             {key("Ctrl+O")}),
        spec(ActionId::OpenModelFolder, "open-model-folder", Actions::tr("Open folder…"),
             {key("Ctrl+Shift+O")}),
        spec(ActionId::UnloadModel, "unload-model", Actions::tr("Unload the model"), {}),
        spec(ActionId::ToggleSidebar, "toggle-sidebar", Actions::tr("Show or hide the sidebar"),
             {key("Ctrl+B"), key("Ctrl+Shift+S")}),
        spec(ActionId::ShowShortcuts, "show-shortcuts", Actions::tr("Keyboard shortcuts"),
             {key("Ctrl+/")}),
        spec(ActionId::ZoomIn, "zoom-in", Actions::tr("Larger text"),
             {key("Ctrl++"), key("Ctrl+=")}),
        spec(ActionId::ZoomOut, "zoom-out", Actions::tr("Smaller text"), {key("Ctrl+-")}),
        spec(ActionId::ZoomReset, "zoom-reset", Actions::tr("Normal text size"), {key("Ctrl+0")}),
        spec(ActionId::Quit, "quit", Actions::tr("Quit"), {key("Ctrl+Q")}),
    };
    for (const PageSpec& page : pageSpecs())
        specs.append({ActionId::ShowPage,
                      QStringLiteral("show-") + page.key,
                      Actions::tr("Go to: %1").arg(page.title),
                      {page.shortcut}});
    return specs;
}

ActionSpec actionSpec(ActionId id) {
    for (ActionSpec& spec : actionSpecs())
        if (spec.id == id)
            return spec;
    return {};
}

QAction* makeAction(const ActionSpec& spec, QObject* parent) {
    auto* action = new QAction(spec.text, parent);
    action->setObjectName(spec.key);
    action->setShortcuts(spec.shortcuts);
    return action;
}

QString actionToolTip(ActionId id) {
    const ActionSpec spec = actionSpec(id);
    if (spec.shortcuts.isEmpty())
        return spec.text;
    return QStringLiteral("%1 (%2)").arg(spec.text,
                                         spec.shortcuts.first().toString(QKeySequence::NativeText));
}

QByteArray describeUi() {
    QJsonArray pages;
    for (const PageSpec& page : pageSpecs())
        pages.append(
            QJsonObject{{QStringLiteral("key"), page.key}, {QStringLiteral("title"), page.title}});
    QJsonArray actions;
    for (const ActionSpec& spec : actionSpecs()) {
        QJsonArray keys;
        for (const QKeySequence& sequence : spec.shortcuts)
            keys.append(sequence.toString(QKeySequence::PortableText));
        actions.append(QJsonObject{{QStringLiteral("key"), spec.key},
                                   {QStringLiteral("text"), spec.text},
                                   {QStringLiteral("shortcuts"), keys}});
    }
    const QJsonArray options{QStringLiteral("--data-dir"), QStringLiteral("--prompt")};
    const QJsonObject all{{QStringLiteral("pages"), pages},
                          {QStringLiteral("actions"), actions},
                          {QStringLiteral("options"), options},
                          {QStringLiteral("settings"), app::describeSettings()}};
    return QJsonDocument(all).toJson(QJsonDocument::Compact);
}

} // namespace ui
