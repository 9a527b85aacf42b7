#include "ui/chat/chat_exchange.h"

#include "app/exchange/chat_json.h"
#include "app/exchange/chat_markdown.h"
#include "app/exchange/exchange_controller.h"
#include "ui/chat/chat_document.h"

#include <new>
#include <QFileDialog>
#include <QFileInfo>
#include <QMessageBox>
#include <QPushButton>
#include <QRegularExpression>
#include <QSaveFile>
#include <QWidget>

namespace ui {

namespace {

constexpr int kLongestName = 60; // characters of a suggested file name

/// A title as the name of a file, on every system.
QString fileName(const QString& title) {
    static const QRegularExpression unsafe(QStringLiteral(R"([\x00-\x1f/\\:*?"<>|]+)"));
    QString name = title;
    name = name.replace(unsafe, QStringLiteral(" ")).simplified().left(kLongestName).trimmed();
    while (name.startsWith(u'.'))
        name.remove(0, 1);
    return name.isEmpty() ? QStringLiteral("inglenook") : name;
}

QStringList filters() {
    return {ChatExchange::tr("Markdown (*.md)"), ChatExchange::tr("Web page (*.html)"),
            ChatExchange::tr("PDF (*.pdf)"),
            ChatExchange::tr("JSON, which can be imported again (*.json)")};
}

bool writeInto(QIODevice& file, const QList<app::StoredConversation>& chats,
               const QString& ending) {
    if (ending == QLatin1String("pdf")) {
        writeChatsPdf(chats, &file);
        return true;
    }
    const QByteArray bytes = ending == QLatin1String("json") ? app::chatsToJson(chats)
                             : ending == QLatin1String("html")
                                 ? chatsToHtml(chats, ChatMedium::Screen).toUtf8()
                                 : app::chatsToMarkdown(chats).toUtf8();
    return file.write(bytes) == bytes.size();
}

/// Why not, or nothing.
QString written(const QList<app::StoredConversation>& chats, const QString& path) {
    QSaveFile file(path);
    try {
        const bool whole = file.open(QIODevice::WriteOnly) &&
                           writeInto(file, chats, QFileInfo(path).suffix().toLower()) &&
                           file.commit();
        return whole ? QString() : file.errorString();
    } catch (const std::bad_alloc&) { // all chats in one document
        return ChatExchange::tr("there is not enough memory for it");
    }
}

bool mayReplace(const QString& path, QWidget* window) {
    QMessageBox box(QMessageBox::Question, ChatExchange::tr("Replace the file?"),
                    ChatExchange::tr("%1 is there already.").arg(QFileInfo(path).fileName()),
                    QMessageBox::NoButton, window);
    QPushButton* replace = box.addButton(ChatExchange::tr("Replace"), QMessageBox::DestructiveRole);
    box.setDefaultButton(box.addButton(ChatExchange::tr("Cancel"), QMessageBox::RejectRole));
    box.exec();
    return box.clickedButton() == replace;
}

} // namespace

ChatExchange::ChatExchange(app::ExchangeController& exchange, QWidget* window)
    : QObject(window), m_exchange(exchange), m_window(window) {
    m_pool.setMaxThreadCount(1);
    connect(&m_exchange, &app::ExchangeController::failed, this, &ChatExchange::said);
    connect(&m_exchange, &app::ExchangeController::imported, this,
            [this](int chats) { emit said(tr("%n chat(s) imported.", nullptr, chats)); });
}

ChatExchange::~ChatExchange() {
    m_pool.waitForDone();
}

void ChatExchange::askToExport(const QList<app::ConversationId>& chats, const QString& title) {
    QString filter;
    const QString named = QFileDialog::getSaveFileName(
        m_window, chats.isEmpty() ? tr("Export all chats") : tr("Export the chat"),
        fileName(title) + QStringLiteral(".md"), filters().join(QStringLiteral(";;")), &filter);
    if (named.isEmpty())
        return;
    const QString path = withEnding(named, filter);
    // The dialog has asked about the name as it was.
    if (path == named || !QFileInfo::exists(path) || mayReplace(path, m_window))
        save(chats, path);
}

QString ChatExchange::withEnding(const QString& path, const QString& filter) {
    static const QRegularExpression ending(QStringLiteral(R"(\*(\.[a-z]+))"));
    const QString chosen = ending.match(filter).captured(1);
    const QString suffix = QFileInfo(path).suffix().toLower();
    if (chosen.isEmpty() || suffix == chosen.mid(1))
        return path;
    // As suggested, before another form was chosen.
    return (suffix == QLatin1String("md") ? path.chopped(3) : path) + chosen;
}

void ChatExchange::askToImport() {
    const QString path = QFileDialog::getOpenFileName(m_window, tr("Import chats"), {},
                                                      tr("Exported chats (*.json)"));
    if (!path.isEmpty())
        m_exchange.importFile(path);
}

void ChatExchange::save(const QList<app::ConversationId>& chats, const QString& path) {
    m_exchange.collect(chats, this, [this, path](const QList<app::StoredConversation>& whole) {
        write(whole, path);
    });
}

void ChatExchange::write(const QList<app::StoredConversation>& chats, const QString& path) {
    m_pool.start([this, chats, path] {
        const QString reason = written(chats, path);
        QMetaObject::invokeMethod(
            this,
            [this, reason, path, count = int(chats.size())] {
                const QString name = QFileInfo(path).fileName();
                emit said(reason.isEmpty()
                              ? tr("%n chat(s) exported to %1.", nullptr, count).arg(name)
                              : tr("%1 could not be written: %2.").arg(name, reason));
            },
            Qt::QueuedConnection);
    });
}

} // namespace ui
