#include "app/exchange/chat_markdown.h"

#include "app/history/message_tree.h"

#include <QCoreApplication>

namespace app {

namespace {

struct Exchange {
    Q_DECLARE_TR_FUNCTIONS(app::Exchange)
};

QString quoted(const QString& text) {
    QString lines = text.trimmed();
    return QStringLiteral("> ") + lines.replace(QLatin1Char('\n'), QStringLiteral("\n> "));
}

QString toMarkdown(const Message& message) {
    QString text =
        QStringLiteral("## %1 · %2\n\n").arg(authorText(message), whenText(message.created));
    if (!message.reasoning.trimmed().isEmpty())
        text += QStringLiteral("> **%1**\n>\n%2\n\n")
                    .arg(reasoningText(message), quoted(message.reasoning));
    if (!message.text.trimmed().isEmpty())
        text += message.text.trimmed() + QStringLiteral("\n\n");
    if (!message.error.isEmpty())
        text += QStringLiteral("**%1**\n\n").arg(message.error);
    const QString figures = figuresText(message);
    if (!figures.isEmpty())
        text += QStringLiteral("*%1*\n\n").arg(figures);
    return text;
}

} // namespace

QString chatsToMarkdown(const QList<StoredConversation>& chats) {
    QStringList texts;
    for (const StoredConversation& chat : chats) {
        QString text = QStringLiteral("# %1\n\n").arg(chat.conversation.title);
        for (const Message& message : MessageTree(chat.messages, chat.leaf).branch())
            text += toMarkdown(message);
        texts.append(text);
    }
    return texts.join(QStringLiteral("---\n\n"));
}

QString authorText(const Message& message) {
    if (message.role == Role::User)
        return Exchange::tr("You");
    if (message.role == Role::System)
        return Exchange::tr("System prompt");
    const QString name = message.model.name.isEmpty() ? Exchange::tr("Answer") : message.model.name;
    return message.model.weights.isEmpty()
               ? name
               : QStringLiteral("%1 · %2").arg(name, message.model.weights.toUpper());
}

QString whenText(const QDateTime& time) {
    return time.toLocalTime().toString(QStringLiteral("yyyy-MM-dd HH:mm"));
}

QString reasoningText(const Message& message) {
    if (!message.stats)
        return Exchange::tr("Thoughts");
    return Exchange::tr("Thought for %1 s · %2 tokens")
        .arg(double(message.stats->reasoning_us) / 1e6, 0, 'f', 1)
        .arg(message.stats->reasoningTokens);
}

QString figuresText(const Message& message) {
    if (!message.stats || message.stats->generatedTokens == 0)
        return {};
    QString text = Exchange::tr("%n token(s)", nullptr, message.stats->generatedTokens);
    if (message.stats->tokensPerSecond() > 0)
        text += QStringLiteral(" · ") +
                Exchange::tr("%1 tok/s").arg(message.stats->tokensPerSecond(), 0, 'f', 1);
    return text;
}

} // namespace app
