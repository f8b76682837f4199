"""What WhatsApp itself writes into its exports, by the language of the phone: data only.

Collected from what exports look like in each language; case, marks of direction and a full stop
at the end do not matter.  What is missing here is taken for words of the person: add it.
"""

from dataclasses import dataclass

__all__ = ["ALL", "Phrases"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """``omitted``: the whole text of a message whose file was not exported.

    ``stickers`` likewise for stickers; ``attached``: before a file's name in angle brackets (iOS);
    ``file_attached``: in round brackets behind a file's name (Android); ``deleted``: the whole text
    of a message that was deleted, or its beginning; ``edited``: in angle brackets at the end;
    ``notices``: how a notice in the name of a person begins.
    """

    omitted: tuple[str, ...]
    stickers: tuple[str, ...]
    attached: tuple[str, ...]
    file_attached: tuple[str, ...]
    deleted: tuple[str, ...]
    edited: tuple[str, ...]
    notices: tuple[str, ...]


ALL: dict[str, Phrases] = {
    "en": Phrases(
        omitted=(
            "<media omitted>",
            "image omitted",
            "video omitted",
            "video note omitted",
            "audio omitted",
            "gif omitted",
            "document omitted",
            "contact card omitted",
            "<view once voice message omitted>",
            "null",
        ),
        stickers=("sticker omitted",),
        attached=("attached",),
        file_attached=("file attached",),
        deleted=("this message was deleted", "you deleted this message"),
        edited=("this message was edited",),
        notices=(
            "this message was deleted by admin",
            "missed voice call",
            "missed video call",
            "missed group call",
            "waiting for this message",
            "live location shared",
            "location: http",
            "poll:",
        ),
    ),
    "de": Phrases(
        omitted=(
            "<medien ausgeschlossen>",
            "<medien weggelassen>",
            "bild weggelassen",
            "video weggelassen",
            "videonachricht weggelassen",
            "audio weggelassen",
            "gif weggelassen",
            "dokument weggelassen",
            "kontaktkarte weggelassen",
            "kontaktkarte ausgelassen",
        ),
        stickers=("sticker weggelassen",),
        attached=("anhang", "angehängt"),
        file_attached=("datei angehängt",),
        deleted=("diese nachricht wurde gelöscht", "du hast diese nachricht gelöscht"),
        edited=("diese nachricht wurde bearbeitet",),
        notices=(
            "diese nachricht wurde vom admin",
            "verpasster sprachanruf",
            "verpasster videoanruf",
            "verpasster gruppenanruf",
            "warten auf diese nachricht",
            "live-standort wird geteilt",
            "standort: http",
            "umfrage:",
        ),
    ),
    "es": Phrases(
        omitted=(
            "<multimedia omitido>",
            "<archivo omitido>",
            "imagen omitida",
            "video omitido",
            "vídeo omitido",
            "nota de video omitida",
            "audio omitido",
            "gif omitido",
            "documento omitido",
            "tarjeta de contacto omitida",
        ),
        stickers=("sticker omitido",),
        attached=("adjunto", "archivo adjunto"),
        file_attached=("archivo adjunto",),
        deleted=(
            "se eliminó este mensaje",
            "este mensaje fue eliminado",
            "eliminaste este mensaje",
            "este mensaje se eliminó",
        ),
        edited=("se editó este mensaje", "este mensaje fue editado"),
        notices=(
            "llamada perdida",
            "videollamada perdida",
            "llamada de voz perdida",
            "esperando este mensaje",
            "ubicación en tiempo real",
            "ubicación: http",
            "encuesta:",
        ),
    ),
    "pt": Phrases(
        omitted=(
            "<mídia oculta>",
            "<mídia omitida>",
            "<arquivo de mídia oculto>",
            "<ficheiro não revelado>",
            "imagem ocultada",
            "imagem omitida",
            "vídeo omitido",
            "vídeo ocultado",
            "áudio ocultado",
            "áudio omitido",
            "gif omitido",
            "gif ocultado",
            "documento omitido",
            "documento ocultado",
            "cartão do contato omitido",
        ),
        stickers=("figurinha omitida", "sticker omitido"),
        attached=("anexado", "anexo"),
        file_attached=("arquivo anexado", "ficheiro anexado"),
        deleted=(
            "mensagem apagada",
            "esta mensagem foi apagada",
            "essa mensagem foi apagada",
            "você apagou esta mensagem",
            "você apagou essa mensagem",
            "apagou esta mensagem",
        ),
        edited=("mensagem editada", "esta mensagem foi editada"),
        notices=(
            "chamada de voz perdida",
            "chamada de vídeo perdida",
            "ligação de voz perdida",
            "ligação de vídeo perdida",
            "aguardando mensagem",
            "localização em tempo real",
            "localização: http",
            "enquete:",
            "sondagem:",
        ),
    ),
    "fr": Phrases(
        omitted=(
            "<médias omis>",
            "<fichier omis>",
            "<média omis>",
            "image absente",
            "vidéo absente",
            "audio omis",
            "gif retiré",
            "document manquant",
            "fiche contact manquante",
        ),
        stickers=("sticker omis",),
        attached=("pièce jointe",),
        file_attached=("fichier joint",),
        deleted=(
            "ce message a été supprimé",
            "vous avez supprimé ce message",
        ),
        edited=("ce message a été modifié",),
        notices=(
            "appel vocal manqué",
            "appel vidéo manqué",
            "en attente de ce message",
            "localisation en direct partagée",
            "localisation : http",
            "localisation: http",
            "sondage :",
            "sondage:",
        ),
    ),
    "it": Phrases(
        omitted=(
            "<media omessi>",
            "<media omesso>",
            "<file omesso>",
            "immagine omessa",
            "video omesso",
            "audio omesso",
            "gif esclusa",
            "gif omessa",
            "documento omesso",
            "scheda contatto omessa",
        ),
        stickers=("sticker non incluso", "sticker omesso"),
        attached=("allegato",),
        file_attached=("file allegato",),
        deleted=(
            "questo messaggio è stato eliminato",
            "hai eliminato questo messaggio",
        ),
        edited=("questo messaggio è stato modificato",),
        notices=(
            "chiamata persa",
            "chiamata vocale persa",
            "videochiamata persa",
            "in attesa del messaggio",
            "posizione in tempo reale",
            "posizione: http",
            "sondaggio:",
        ),
    ),
    "nl": Phrases(
        omitted=(
            "<media weggelaten>",
            "afbeelding weggelaten",
            "video weggelaten",
            "audio weggelaten",
            "gif weggelaten",
            "document weggelaten",
            "contactkaart weggelaten",
        ),
        stickers=("sticker weggelaten",),
        attached=("bijgevoegd", "bijlage"),
        file_attached=("bestand bijgevoegd",),
        deleted=(
            "dit bericht is verwijderd",
            "dit bericht werd verwijderd",
            "je hebt dit bericht verwijderd",
        ),
        edited=("dit bericht is bewerkt",),
        notices=(
            "gemiste spraakoproep",
            "gemiste video-oproep",
            "gemiste groepsoproep",
            "wachten op dit bericht",
            "live locatie gedeeld",
            "locatie: http",
            "peiling:",
        ),
    ),
}
"""By the language's two letters."""
