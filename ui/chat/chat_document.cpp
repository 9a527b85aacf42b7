#include "ui/chat/chat_document.h"

#include "app/exchange/chat_markdown.h"
#include "app/history/message_tree.h"
#include "ui/text/markdown_html.h"

#include <QFont>
#include <QIODevice>
#include <QPageLayout>
#include <QPdfWriter>
#include <QTextDocument>

namespace ui {

namespace {

constexpr const char* kScreenStyle =
    "body{font:16px/1.6 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;"
    "color:#1d1b16;background:#fff}h1{border-top:1px solid #ccc;padding-top:1.5rem}"
    "h2{font-size:1rem;margin-top:2rem}h2 small{font-weight:400;color:#666}"
    "pre{background:#f4f2ed;padding:.8rem;overflow-x:auto;border-radius:6px}"
    "code{font-family:ui-monospace,monospace;font-size:.92em}"
    "details,blockquote{border-left:3px solid #ccc;margin:.5rem 0;padding-left:1rem;color:#555}"
    "table{border-collapse:collapse}.figures{color:#666;font-size:.85rem}.error{color:#a3260f}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#1b1a18}pre{background:#2a2825}"
    "details,blockquote,.figures,h2 small{color:#aaa}.error{color:#ff8d75}a{color:#8ab4f8}}";
// What QTextDocument understands.
constexpr const char* kPrintStyle = "pre{background-color:#f4f2ed}h2{font-size:13pt}"
                                    ".figures{color:#666666}.error{color:#a3260f}";

QString thoughtHtml(const app::Message& message, ChatMedium medium) {
    if (message.reasoning.trimmed().isEmpty())
        return {};
    const QString title = app::reasoningText(message).toHtmlEscaped();
    const QString text = markdownToHtml(message.reasoning, false);
    return medium == ChatMedium::Screen
               ? QStringLiteral("<details><summary>%1</summary>\n%2</details>\n").arg(title, text)
               : QStringLiteral("<blockquote><p><b>%1</b></p>\n%2</blockquote>\n").arg(title, text);
}

QString messageHtml(const app::Message& message, ChatMedium medium) {
    QString html = QStringLiteral("<h2>%1 <small>%2</small></h2>\n")
                       .arg(app::authorText(message).toHtmlEscaped(),
                            app::whenText(message.created).toHtmlEscaped());
    html += thoughtHtml(message, medium);
    html += markdownToHtml(message.text, message.role == app::Role::User);
    if (!message.error.isEmpty())
        html += QStringLiteral("<p class=\"error\">%1</p>\n").arg(message.error.toHtmlEscaped());
    const QString figures = app::figuresText(message);
    if (!figures.isEmpty())
        html += QStringLiteral("<p class=\"figures\">%1</p>\n").arg(figures.toHtmlEscaped());
    return html;
}

} // namespace

QString chatsToHtml(const QList<app::StoredConversation>& chats, ChatMedium medium) {
    const QString title =
        chats.size() == 1 ? chats.first().conversation.title : QStringLiteral("Inglenook");
    QString html =
        QStringLiteral("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\">"
                       "<title>%1</title>\n<style>%2</style></head><body>\n")
            .arg(title.toHtmlEscaped(),
                 QLatin1String(medium == ChatMedium::Screen ? kScreenStyle : kPrintStyle));
    for (const app::StoredConversation& chat : chats) {
        html += QStringLiteral("<h1>%1</h1>\n").arg(chat.conversation.title.toHtmlEscaped());
        for (const app::Message& message : app::MessageTree(chat.messages, chat.leaf).branch())
            html += messageHtml(message, medium);
    }
    return html + QLatin1String("</body></html>\n");
}

void writeChatsPdf(const QList<app::StoredConversation>& chats, QIODevice* device) {
    constexpr int kResolution = 300; // dots per inch
    constexpr qreal kPrinted_pt = 10.5;
    QPdfWriter writer(device);
    writer.setResolution(kResolution);
    writer.setPageSize(QPageSize(QPageSize::A4));
    writer.setPageMargins(QMarginsF()); // the document has its own
    writer.setCreator(QStringLiteral("Inglenook"));
    if (chats.size() == 1)
        writer.setTitle(chats.first().conversation.title);
    QFont font; // the program's, which is measured in pixels of a screen
    font.setPointSizeF(kPrinted_pt);
    QTextDocument document;
    document.setDefaultFont(font);
    document.setHtml(chatsToHtml(chats, ChatMedium::Print));
    document.print(&writer);
}

} // namespace ui
